/** The files of a task's log, for readers. */
export interface LogFiles {
  /** `framed`: raw chunks with a header, split into lines only when read · `json-file` and `cri`: encoded lines for consumers of the files · `none`. */
  readonly format: "framed" | "json-file" | "cri" | "none"
  /** The newest file; older ones have `.1`, `.2`, … after their name. */
  readonly path: string
  /** Older files are compressed, and have `.gz` after their number. */
  readonly compress?: boolean
}

/** Where in a task's log something is: the rotation generation and the byte within that file. */
export interface LogPosition {
  readonly generation: number
  readonly offset: number
}

/** Which of a process's outputs; a terminal has only stdout. */
export type OutputStream = "stdout" | "stderr"

/** A piece of output as it came: never cut at lines. */
export interface OutputChunk {
  readonly stream: OutputStream
  /** Nanoseconds since the epoch. */
  readonly at: bigint
  readonly bytes: Uint8Array
}
