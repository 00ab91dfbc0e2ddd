import { askedSeed, playSeeds } from "./play.ts";
import { redisStage } from "./redis-stage.ts";

playSeeds(redisStage, { seeds: 500, only: askedSeed() });
