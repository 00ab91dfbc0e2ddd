import type { Lease } from "../../shared/store.ts";
export async function removeRunFile(_runs: string, _lease: Lease): Promise<void> {}
