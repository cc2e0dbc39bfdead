import type { Hijacked } from "../client/transport.ts"
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
}

/** Serves one connection to a process with this program's own streams. Resolves when its output has ended. */
export async function serveSession(stream: Hijacked, options: SessionOptions): Promise<void> {
  const { out, err, terminal } = options
  using _raw = terminal && options.stdin ? rawTerminal() : undefined
  if (options.stdin) void forwardInput(stream)
  const multiplexed = stream.multiplexed ?? !terminal
  if (multiplexed && !terminal) {
    for await (const piece of unframe(stream)) {
      if (piece.stream === "stderr" || piece.stream === "systemError") {
        if (options.stderr) await err.stream(piece.bytes)
      } else if (options.stdout) await out.stream(piece.bytes)
    }
  } else for await (const bytes of stream) if (options.stdout) await out.stream(bytes)
}

/** Moves standard input to the process, with back-pressure, and tells it the end. */
async function forwardInput(stream: Hijacked): Promise<void> {
  try {
    for await (const chunk of process.stdin) await stream.write(chunk as Buffer)
    stream.closeWrite()
  } catch {
    // The process or the daemon has gone; its output ends by itself.
  }
}

/** Puts the user's terminal into raw mode until disposed. */
function rawTerminal(): Disposable | undefined {
  if (!process.stdin.isTTY) return undefined
  process.stdin.setRawMode(true)
  const restore = () => process.stdin.setRawMode(false)
  process.on("exit", restore)
  return {
    [Symbol.dispose]: () => {
      process.off("exit", restore)
      restore()
      process.stdin.pause()
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
