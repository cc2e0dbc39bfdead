import type { Descriptor } from "../../oci/descriptor.ts"
import type { DiffID } from "../../oci/digest.ts"

/** A step of an object on its way between a registry, the content store and a snapshot. `current` and `total` are bytes of the blob. */
export type TransferStep =
  /** Nothing to do: it is where it is to be. */
  | { readonly phase: "present" }
  /** It is going to be moved. */
  | { readonly phase: "queued" }
  /** Others of its kind are moved first. */
  | { readonly phase: "waiting" }
  | {
      readonly phase: "receiving" | "sending" | "compressing" | "unpacking"
      readonly current: number
      readonly total: number
    }
  /** All of its bytes are here; their digest is being compared. */
  | { readonly phase: "verifying" }
  /** It failed, and is tried again in `wait` milliseconds. */
  | { readonly phase: "retrying"; readonly wait: number }
  /** It is in the content store · in the registry · in its snapshot. */
  | { readonly phase: "received" | "sent" | "unpacked" }
  /** The registry has taken it over from its repository `from`. */
  | { readonly phase: "linked"; readonly from: string }

/** A fact of a long operation: an object is at a step. */
export type TransferProgress = TransferStep & {
  /** The blob, as its manifest describes it. */
  readonly object: Descriptor
  /** Digest of a layer's uncompressed archive, where that is known. */
  readonly diffID?: DiffID
}

/** Takes the facts of an operation, in order of time for each object. */
export type TellProgress = (progress: TransferProgress) => void

export type TransferPhase = TransferStep["phase"]
