import type { Hijacked } from "../client/transport.ts"
import { DetachWatch, parseDetachKeys } from "../std/detach-keys.ts"
import { unframe } from "../std/stdcopy.ts"
import type { Output } from "./streams.ts"

export interface SessionOptions {
  readonly out: Output
  readonly err: Output
  /** The process has a terminal: bytes are not framed, and the user's terminal becomes raw. */
  readonly terminal: boolean
  /** Give the process what is typed or piped in. */
  readonly stdin: boolean
  readonly stdout: boolean
  readonly stderr: boolean
  /** What detaches, in docker's notation; "" is ctrl-p,ctrl-q. Only looked for where the process has a terminal. */
  readonly detachKeys: string
}

/** How a session came to its end. */
export type SessionEnd = "ended" | "detached"

/**
 * Serves one connection to a process with this program's own streams. Resolves when its output has ended, or when the user
 * has typed the keys that detach.
 */
export async function serveSession(stream: Hijacked, options: SessionOptions): Promise<SessionEnd> {
  using _raw = options.terminal && options.stdin ? await rawTerminal() : undefined
  const output = show(stream, options)
  if (!options.stdin) {
    await output
    return "ended"
  }
  output.catch(() => {})
  const watch = options.terminal ? new DetachWatch(parseDetachKeys(options.detachKeys)) : undefined
  return await Promise.race([output.then(() => "ended" as const), detachedBy(stream, watch)])
}

async function show(stream: Hijacked, { out, err, terminal, stdout, stderr }: SessionOptions): Promise<void> {
  const multiplexed = stream.multiplexed ?? !terminal
  if (multiplexed && !terminal) {
    for await (const piece of unframe(stream)) {
      if (piece.stream === "stderr" || piece.stream === "systemError") {
        if (stderr) await err.stream(piece.bytes)
      } else if (stdout) await out.stream(piece.bytes)
    }
  } else for await (const bytes of stream) if (stdout) await out.stream(bytes)
}

/**
 * Moves standard input to the process, with back-pressure, and tells it the end. Resolves only when the keys that detach
 * were typed.
 */
async function detachedBy(stream: Hijacked, watch: DetachWatch | undefined): Promise<"detached"> {
  try {
    for await (const chunk of process.stdin) {
      const { bytes, detached } = watch ? watch.feed(chunk as Buffer) : { bytes: chunk as Buffer, detached: false }
      if (bytes.length > 0) await stream.write(bytes)
      if (detached) return "detached"
    }
    stream.closeWrite()
  } catch {
    // The process or the daemon has gone; its output ends by itself.
  }
  return await new Promise(() => {})
}

/** Puts the user's terminal into raw mode until disposed. */
async function rawTerminal(): Promise<Disposable | undefined> {
  if (!process.stdin.isTTY) return undefined
  const { makeRaw } = await import("../linux/terminal-mode.ts")
  const restore = makeRaw(0)
  process.on("exit", restore)
  return {
    [Symbol.dispose]: () => {
      process.off("exit", restore)
      restore()
    },
  }
}

/**
 * Keeps a process's terminal as large as the user's, until disposed. The first size is tried until the process is there.
 * @param resize tells the daemon
 */
export function followTerminalSize(resize: (height: number, width: number) => Promise<void>): Disposable {
  let over = false
  const send = async () => {
    const { rows, columns } = process.stdout
    if (rows && columns) await resize(rows, columns)
  }
  const first = async () => {
    for (let attempt = 0; attempt < 10 && !over; attempt++) {
      try {
        return await send()
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 10 * (attempt + 1)))
      }
    }
  }
  void first()
  const changed = () => void send().catch(() => {})
  process.on("SIGWINCH", changed)
  return {
    [Symbol.dispose]: () => {
      over = true
      process.off("SIGWINCH", changed)
    },
  }
}

/** Signals that stay with this program: the kernel's own business, terminal control, and those that cannot be caught. */
const kept = new Set([
  "SIGCHLD",
  "SIGPIPE",
  "SIGURG",
  "SIGWINCH",
  "SIGKILL",
  "SIGSTOP",
  "SIGTTIN",
  "SIGTTOU",
  "SIGTSTP",
])
const proxied = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGCONT", "SIGALRM"] as const

/** Hands this program's signals on to a container, until disposed. */
export function proxySignals(send: (signal: string) => Promise<void>): Disposable {
  const handlers = proxied
    .filter((name) => !kept.has(name))
    .map((name) => {
      const handler = () => void send(name.slice(3)).catch(() => {})
      process.on(name, handler)
      return [name, handler] as const
    })
  return {
    [Symbol.dispose]: () => {
      for (const [name, handler] of handlers) process.off(name, handler)
    },
  }
}
