import type { Digest } from "../oci/digest.ts"

/** Something that clients did. */
export interface RegistryEvent {
  readonly action: "push" | "pull" | "mount" | "delete"
  readonly repository: string
  readonly digest?: Digest
  readonly mediaType?: string
  /** Bytes. */
  readonly size?: number
  readonly tag?: string
  readonly fromRepository?: string
  readonly actor?: string
  readonly request: { readonly method: string; readonly address: string; readonly host: string; readonly agent: string }
}

/** Told of every event; returns at once and never throws. */
export type EventSink = (event: RegistryEvent) => void
