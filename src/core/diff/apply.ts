import type { ImpliedDirectory, LayerContents, LayerTarget } from "../layers/contract.ts"

export interface ApplyRequest {
  /** The layer's blob, or what has come of it. */
  readonly file: string
  readonly digest: string
  readonly target: LayerTarget
  /** For a blob on its way: the number that `grown` tells of, and how many bytes there will be. */
  readonly growing?: { readonly id: number; readonly size: number }
}

export interface InheritRequest {
  readonly target: LayerTarget
  readonly implied: readonly ImpliedDirectory[]
  readonly lowerDirs: readonly string[]
}

export interface AppliedBytes extends LayerContents {
  readonly diffID: string
  readonly size: number
}

/** What the unpacking thread can be asked; progress is bytes of the blob. */
export type ApplyCalls = {
  readonly apply: {
    readonly request: ApplyRequest
    readonly answer: AppliedBytes
  }
  /** So many bytes of a growing blob are there. */
  readonly grown: { readonly request: { readonly id: number; readonly bytes: number }; readonly answer: undefined }
  readonly inherit: { readonly request: InheritRequest; readonly answer: undefined }
}
