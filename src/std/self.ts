/**
 * The command line that starts this very program again (`barge daemon` starts `barge shim` and helper children so):
 * the compiled executable alone, or Bun with the source's entry point.
 */
export function selfCommand(): readonly string[] {
  if (import.meta.url.includes("$bunfs")) return [process.execPath]
  return [process.execPath, new URL("../main.ts", import.meta.url).pathname]
}
