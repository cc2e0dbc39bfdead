import { spawn } from "node:child_process"
import { once } from "node:events"
import { access, constants, mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { createInterface } from "node:readline"
import type { Readable } from "node:stream"
import { Failure } from "../../errors/failure.ts"

export interface DebianOptions {
  /** `bookworm`, `trixie`, `stable`, … */
  readonly suite: string
  readonly signal?: AbortSignal
  /** What the tool says it is doing. */
  readonly progress: (line: string) => void
}

/** The host's own suite when it is a Debian, otherwise the current stable one. */
export async function defaultSuite(): Promise<string> {
  const text = await readFile("/etc/os-release", "utf8").catch(() => "")
  const value = (key: string) => new RegExp(`^${key}="?([^"\\n]*)"?$`, "m").exec(text)?.[1]
  return (value("ID") === "debian" && value("VERSION_CODENAME")) || "stable"
}

/**
 * A minimal Debian root file system as an archive, made by mmdebstrap or else debootstrap from the distribution's
 * mirror.
 * @throws notFound, saying what to install, when neither is there; unavailable, with its last words, when it fails
 */
export async function* debianRoot(options: DebianOptions): AsyncGenerator<Uint8Array> {
  if (!/^[a-z][a-z0-9.-]*$/.test(options.suite)) {
    throw new Failure("invalidArgument", `"${options.suite}" is not the name of a Debian suite`)
  }
  if (await inPath("mmdebstrap")) {
    yield* output("mmdebstrap", ["--variant=minbase", "--format=tar", options.suite, "-"], options)
    return
  }
  if (!(await inPath("debootstrap"))) {
    throw new Failure(
      "notFound",
      "neither mmdebstrap nor debootstrap is installed: install one (apt-get install mmdebstrap) and try again",
    )
  }
  const directory = await mkdtemp(join(tmpdir(), "debian-root-"))
  try {
    for await (const _ of output("debootstrap", ["--variant=minbase", options.suite, directory], options, "lines")) {
      // debootstrap tells its progress on its output.
    }
    yield* output("tar", ["-C", directory, "--numeric-owner", "--xattrs", "--sort=name", "-cf", "-", "."], options)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

const rememberedLines = 15

/** Runs a program. @returns its output; with `lines`, that is told as progress instead */
async function* output(
  program: string,
  args: readonly string[],
  { signal, progress }: DebianOptions,
  form: "bytes" | "lines" = "bytes",
): AsyncGenerator<Uint8Array> {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], ...(signal ? { signal } : {}) })
  const ended = once(child, "close") as Promise<[number | null, string | null]>
  ended.catch(() => {})
  const last: string[] = []
  const tell = (stream: Readable) =>
    createInterface({ input: stream }).on("line", (line) => {
      last.push(line)
      if (last.length > rememberedLines) last.shift()
      progress(line)
    })
  tell(child.stderr)
  try {
    if (form === "lines") tell(child.stdout)
    else for await (const chunk of child.stdout) yield chunk as Uint8Array
    const [code] = await ended
    if (code !== 0) {
      throw new Failure("unavailable", `${program} failed (exit code ${code}):\n${last.join("\n")}`)
    }
  } finally {
    child.kill()
  }
}

async function inPath(program: string): Promise<boolean> {
  for (const directory of (process.env["PATH"] ?? "").split(delimiter)) {
    const there = await access(join(directory, program), constants.X_OK).then(
      () => true,
      () => false,
    )
    if (there) return true
  }
  return false
}
