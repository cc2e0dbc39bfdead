import type { Descriptor } from "../../oci/descriptor.ts"
import type { Digest } from "../../oci/digest.ts"
import type { ProxySettings } from "../config.ts"

/** Bytes of a blob on their way. */
export interface RemoteBytes {
  /** Where in the blob the body begins: not always where it was asked for. */
  readonly offset: number
  /** Of the whole blob, when the registry tells. */
  readonly size: number | undefined
  readonly body: AsyncIterable<Uint8Array>
}

/** A repository of the registry whose content is kept here. What it does not have is a failure `notFound`. */
export interface RemoteRepository {
  resolve(reference: string, signal?: AbortSignal): Promise<Descriptor>
  manifest(reference: string): Promise<{ readonly descriptor: Descriptor; readonly bytes: Uint8Array }>
  blob(digest: Digest, options: { readonly offset: number }): Promise<RemoteBytes>
  /** @returns undefined when it has none */
  blobSize(digest: Digest): Promise<number | undefined>
  tags(): Promise<readonly string[]>
  /** What is about a manifest. */
  referrers(digest: Digest): Promise<readonly Descriptor[]>
}

/** The repository called `name` of a proxy's registry. */
export type RemoteRepositories = (proxy: ProxySettings, name: string) => Promise<RemoteRepository>
