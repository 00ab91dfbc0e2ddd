import { playSeeds } from "./play.ts";
import { redisStage } from "./redis-stage.ts";

playSeeds(redisStage, 400);
