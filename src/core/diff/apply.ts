import type { LayerTarget } from "../snapshots/contract.ts"

export interface ApplyRequest {
  /** The layer's blob. */
  readonly file: string
  readonly digest: string
  readonly target: LayerTarget
}

/** What the unpacking thread can be asked; progress is bytes of the blob. */
export type ApplyCalls = {
  readonly apply: {
    readonly request: ApplyRequest
    readonly answer: { readonly diffID: string; readonly size: number }
  }
}
