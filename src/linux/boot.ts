import { readFileSync } from "node:fs"

/** Identifies the time from one start of the kernel to the next: 36 characters that no other boot has (random(4)). */
export const bootId = (): string => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()
