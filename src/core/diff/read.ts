import type { SnapshotTree } from "../snapshots/contract.ts"
import type { Change } from "./contract.ts"

/** What the reading thread can be asked. Changes and archives come piece by piece: taking in a long message holds the receiver's thread. */
export type ReadCalls = {
  /** Finds all changes. @returns the number of their list */
  readonly openChanges: { readonly request: SnapshotTree; readonly answer: number }
  /** The next changes of a list; none at its end. */
  readonly nextChanges: { readonly request: number; readonly answer: readonly Change[] }
  readonly closeChanges: { readonly request: number; readonly answer: null }
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
