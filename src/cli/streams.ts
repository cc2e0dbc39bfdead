import { writeSync } from "node:fs"
import { isatty } from "node:tty"
import { Exit } from "./command.ts"

/** Standard output or standard error. */
export class Output {
  readonly #fd: 1 | 2
  #terminal: boolean | undefined

  constructor(fd: 1 | 2) {
    this.#fd = fd
  }

  get isTerminal(): boolean {
    this.#terminal ??= isatty(this.#fd)
    return this.#terminal
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

  /** Writes without stopping other work while the reader is slow. @throws Exit when the reader has gone */
  async stream(bytes: Uint8Array): Promise<void> {
    if (this.isTerminal) return this.write(bytes)
    await new Promise<void>((resolve, reject) => {
      this.#stream.write(bytes, (error) => {
        if (!error) resolve()
        else
          try {
            throwUnlessBusy(error)
            reject(error)
          } catch (translated) {
            reject(translated)
          }
      })
    })
  }

  get #stream(): NodeJS.WriteStream {
    return this.#fd === 1 ? process.stdout : process.stderr
  }
}

/** The exit code of a program that SIGPIPE ended: what a reader that goes away does to every other program. */
const brokenPipe = 141

function throwUnlessBusy(error: unknown): void {
  const code = (error as NodeJS.ErrnoException).code
  if (code === "EAGAIN") return
  throw code === "EPIPE" ? new Exit(brokenPipe) : error
}
