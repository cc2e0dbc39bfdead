import { statSync } from "node:fs"

/**
 * The command line that starts this very program again (`barge daemon` starts `barge shim` and helper children so):
 * the compiled executable alone, or Bun with the source's entry point.
 */
export function selfCommand(): readonly string[] {
  if (import.meta.url.includes("$bunfs")) return [executable()]
  return [process.execPath, new URL("../main.ts", import.meta.url).pathname]
}

/**
 * The kernel keeps this program's file as long as it runs. At its path there may be another one by now, or none: an upgrade
 * has put it there, and it speaks another version's words.
 */
function executable(): string {
  const own = `/proc/${process.pid}/exe`
  return isSameFile(process.execPath, own) ? process.execPath : own
}

function isSameFile(path: string, other: string): boolean {
  const [one, two] = [path, other].map((each) => statSync(each, { bigint: true, throwIfNoEntry: false }))
  return one !== undefined && one.dev === two?.dev && one.ino === two.ino
}
