import type { PathStatus, UnpackOptions } from "./contract.ts"

/** A path within the tree whose root is the directory `root`. */
export interface Place {
  readonly root: string
  readonly path: string
}

/** What the thread for files can be asked; archives go piece by piece. */
export type FileCalls = {
  /** Bytes on disk of everything below a directory of the host. */
  readonly usage: { readonly request: string; readonly answer: number }
  readonly status: { readonly request: Place; readonly answer: PathStatus }
  readonly directory: { readonly request: Place; readonly answer: string }
  readonly startPack: {
    readonly request: Place
    readonly answer: { readonly stream: number; readonly status: PathStatus }
  }
  /** The next bytes; null at the end. */
  readonly packed: { readonly request: number; readonly answer: Uint8Array | null }
  readonly endPack: { readonly request: number; readonly answer: null }
  readonly startUnpack: { readonly request: Place & { readonly options: UnpackOptions }; readonly answer: number }
  readonly unpack: {
    readonly request: { readonly stream: number; readonly bytes: Uint8Array }
    readonly answer: null
  }
  /** `complete`: the archive was read to its end, so that it is checked for one and directories get their times. */
  readonly endUnpack: {
    readonly request: { readonly stream: number; readonly complete: boolean }
    readonly answer: null
  }
}
