import { createReadStream } from "node:fs"
import { access } from "node:fs/promises"
import { isatty } from "node:tty"
import { command, Exit, noArgs } from "../../command.ts"
import { bool, text } from "../../flags/flag.ts"
import { platformQueries, platformsFlag } from "../../flags/platform.ts"
import { printProgress } from "../../output/progress.ts"
import { screenOf } from "../../screen.ts"

export const load = command({
  use: "load [OPTIONS]",
  args: noArgs,
  flags: {
    input: text("i", "Read from tar archive file, instead of STDIN"),
    platform: platformsFlag(
      'Load only the given platform(s). Formatted as a comma-separated list of "os[/arch[/variant]]" (e.g., "linux/amd64,linux/arm64/v8").',
    ),
    quiet: bool("q", "Suppress the load output"),
  },
  run: async ({ flags, docker, out }) => {
    if (!flags.input && isatty(0)) throw new Exit(1, "requested load from stdin, but stdin is empty")
    const archive = await openFile(flags.input)
    const platform = platformQueries(flags.platform)
    const quiet = flags.quiet || !out.isTerminal
    await printProgress(
      await docker.images.load(archive, { quiet, ...(platform.length > 0 ? { platform } : {}) }),
      screenOf(out),
    )
  },
})

/** A file's bytes; standard input's when it has no name. @throws Exit 1 when it cannot be read */
export async function openFile(path: string): Promise<AsyncIterable<Uint8Array>> {
  return path ? openNamedFile(path) : process.stdin
}

/** A file's bytes. @throws Exit 1 when it cannot be read */
export async function openNamedFile(path: string): Promise<AsyncIterable<Uint8Array>> {
  try {
    await access(path)
  } catch (error) {
    const denied = (error as NodeJS.ErrnoException).code === "EACCES"
    throw new Exit(1, `open ${path}: ${denied ? "permission denied" : "no such file or directory"}`)
  }
  return createReadStream(path, { highWaterMark: 1 << 20 })
}
