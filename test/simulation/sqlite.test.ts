import { playSeeds } from "./play.ts";
import { sqliteStage } from "./sqlite-stage.ts";

playSeeds(sqliteStage, 600);
