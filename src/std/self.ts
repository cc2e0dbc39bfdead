import { existsSync } from "node:fs"

/**
 * The command line that starts this very program again (`barge daemon` starts `barge shim` and helper children so):
 * the compiled executable alone, or Bun with the source's entry point.
 */
export function selfCommand(): readonly string[] {
  if (import.meta.url.includes("$bunfs")) return [executable()]
  return [process.execPath, new URL("../main.ts", import.meta.url).pathname]
}

/** An upgrade may have taken the file away, or put another in its place: then its path is told as one that is deleted. The kernel still has it. */
const executable = (): string => (existsSync(process.execPath) ? process.execPath : "/proc/self/exe")
