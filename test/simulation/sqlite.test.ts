import { askedSeed, playSeeds } from "./play.ts";
import { sqliteStage } from "./sqlite-stage.ts";

playSeeds(sqliteStage, { seeds: 700, only: askedSeed() });
