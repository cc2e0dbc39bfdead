import type { SnapshotTree } from "../snapshots/contract.ts"
import type { Change } from "./contract.ts"

/** What the reading thread can be asked: changes at once, archives piece by piece. */
export type ReadCalls = {
  readonly changes: { readonly request: SnapshotTree; readonly answer: readonly Change[] }
  /** Starts an archive. @returns its number */
  readonly open: {
    readonly request: {
      readonly what: "layer" | "tree"
      readonly tree: SnapshotTree
      readonly compression: "none" | "gzip" | "zstd"
    }
    readonly answer: number
  }
  /** The next bytes; at the end what they were before compression. */
  readonly next: { readonly request: number; readonly answer: ReadPiece }
  readonly close: { readonly request: number; readonly answer: null }
}

export type ReadPiece = { readonly bytes: Uint8Array } | { readonly diffID: string; readonly size: number }
