import { statfs } from "node:fs/promises";

export type Disk = Readonly<{ free_bytes: number; total_bytes: number; low: boolean }>;

/** How full the disk of `folder` is (statfs(2)); `low` when less is free than `lowWater` (`5%`, `500M`, `10G`). */
export async function readDisk(folder: string, lowWater: string): Promise<Disk> {
  const { bsize, blocks, bavail } = await statfs(folder);
  const total = bsize * blocks;
  const free = bsize * bavail;
  return { free_bytes: free, total_bytes: total, low: free < bytesOf(lowWater, total) };
}

const factors: Readonly<Record<string, number>> = { K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };

/** The mark in bytes. */
export function bytesOf(mark: string, total: number): number {
  const unit = mark.at(-1) ?? "";
  const amount = Number.parseFloat(mark);
  return unit === "%" ? (total * amount) / 100 : amount * (factors[unit] ?? 1);
}
