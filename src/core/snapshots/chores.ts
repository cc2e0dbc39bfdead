import type { LayerImage, TreeUsage } from "../layers/contract.ts"

/** What a snapshotter does to whole trees, away from the thread that serves requests. */
export type SnapshotChores = {
  readonly usage: { readonly request: { readonly path: string }; readonly answer: TreeUsage }
  /** Answers with the bytes freed. */
  readonly remove: { readonly request: { readonly path: string }; readonly answer: number }
  /** Takes mounts of layers out of sight, with their places. */
  readonly hide: { readonly request: { readonly paths: readonly string[] }; readonly answer: null }
  /** Makes a directory of a layer that is an image, on those below it (nearest first). */
  readonly unpack: {
    readonly request: { readonly image: LayerImage; readonly to: string; readonly lowerDirs: readonly string[] }
    readonly answer: null
  }
  /** Copies a tree; the target appears only when it is complete. */
  readonly copy: { readonly request: { readonly from: string; readonly to: string }; readonly answer: null }
  /** Writes a file system out and then removes the mark that an overlay on it was not. */
  readonly settle: { readonly request: { readonly directory: string; readonly marker: string }; readonly answer: null }
}
