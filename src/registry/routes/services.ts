import type { Descriptor } from "../../oci/descriptor.ts"
import type { Digest } from "../../oci/digest.ts"
import type { EventSink, RegistryEvent } from "../events.ts"
import type { Repositories } from "../repositories/repositories.ts"
import type { Storage } from "../storage/contract.ts"
import type { Uploads } from "../uploads/uploads.ts"
import type { Call } from "./call.ts"

/** A manifest or a blob that the repository takes from elsewhere when it does not have it. */
export interface Upstream {
  /** Makes the manifest of a tag or a digest present, as fresh as it should be. @throws Refusal when that is not possible */
  fetchManifest(repository: string, reference: { readonly tag: string } | { readonly digest: Digest }): Promise<void>
  /** Sends a blob that is on its way here. @returns false when the upstream has none either */
  sendBlob(call: Call, repository: string, digest: Digest): Promise<boolean>
  /** Told of each blob that a client has asked for and that is here. */
  used(repository: string, digest: Digest): void
  /** All tags of a repository, in any order; those that are here when the upstream does not answer. */
  tags(repository: string): Promise<readonly string[]>
  /** The same of what is about a manifest. */
  referrers(repository: string, digest: Digest): Promise<readonly Descriptor[]>
  /** Whether `repository` belongs to somebody else, so that nothing may be pushed into it. */
  covers(repository: string): boolean
  /** The name here of what a client calls `name` at `registry`, which it takes this one for a mirror of. */
  mirrored(registry: string, name: string): string
}

/** What the routes work with. */
export interface RegistryServices {
  readonly storage: Storage
  readonly repositories: Repositories
  readonly uploads: Uploads
  readonly events: EventSink
  readonly upstream: Upstream
}

/** The part of an event that a request tells. */
export const origin = (call: Call): Pick<RegistryEvent, "request" | "actor" | "repository"> => ({
  repository: call.repository,
  ...(call.access.user === undefined ? {} : { actor: call.access.user }),
  request: {
    method: call.request.method,
    address: call.request.peer.address ?? "",
    host: call.header("host") ?? "",
    agent: call.header("user-agent") ?? "",
  },
})
