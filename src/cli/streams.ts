import { fstatSync, writeSync } from "node:fs"
import { Exit } from "./command.ts"

/** Standard output or standard error. */
export class Output {
  readonly #fd: 1 | 2
  #terminal: boolean | undefined

  constructor(fd: 1 | 2) {
    this.#fd = fd
  }

  get isTerminal(): boolean {
    this.#terminal ??= isTerminal(this.#fd)
    return this.#terminal
  }

  /** Whether colours may be used: on a terminal, unless the user has set NO_COLOR (no-color.org). */
  get hasColours(): boolean {
    return this.isTerminal && !process.env["NO_COLOR"]
  }

  /** Columns of the terminal; undefined when this is none. */
  get columns(): number | undefined {
    return this.isTerminal ? this.#stream.columns : undefined
  }

  /** Rows of the terminal; undefined when this is none. */
  get rows(): number | undefined {
    return this.isTerminal ? this.#stream.rows : undefined
  }

  /** Writes text and a line break. */
  line(text = ""): void {
    this.write(`${text}\n`)
  }

  /** Writes now. @throws Exit when the reader has gone */
  write(data: string | Uint8Array): void {
    let rest = typeof data === "string" ? Buffer.from(data) : data
    while (rest.length > 0) {
      try {
        rest = rest.subarray(writeSync(this.#fd, rest))
      } catch (error) {
        throwUnlessBusy(error)
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1)
      }
    }
  }

  /** Writes a piece of a stream; a reader that is slow slows the stream. @throws Exit when the reader has gone */
  async stream(bytes: Uint8Array): Promise<void> {
    this.write(bytes)
  }

  get #stream(): NodeJS.WriteStream {
    return this.#fd === 1 ? process.stdout : process.stderr
  }
}

/** Files, pipes and sockets are none without asking further: `node:tty` takes milliseconds to load. */
function isTerminal(descriptor: number): boolean {
  try {
    if (!fstatSync(descriptor).isCharacterDevice()) return false
  } catch {
    return false
  }
  return process.getBuiltinModule("node:tty").isatty(descriptor)
}

/** The exit code of a program that SIGPIPE ended: what a reader that goes away does to every other program. */
const brokenPipe = 141

function throwUnlessBusy(error: unknown): void {
  const code = (error as NodeJS.ErrnoException).code
  if (code === "EAGAIN") return
  throw code === "EPIPE" ? new Exit(brokenPipe) : error
}
