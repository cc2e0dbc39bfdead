import type { Descriptor } from "../oci/descriptor.ts"
import type { Platform } from "../oci/platform.ts"
import type { Int64 } from "../std/json.ts"
import type { GraphDriver } from "./container.ts"
import type { HealthConfig } from "./container-config.ts"

/** One entry of `GET /images/json` */
export interface ImageSummary {
  /** Containers that use it; -1 not counted. */
  readonly Containers: number
  /** Seconds since the epoch. */
  readonly Created: number
  readonly Id: string
  readonly Labels: Readonly<Record<string, string>> | null
  readonly ParentId: string
  readonly Descriptor?: Descriptor
  readonly Manifests?: readonly ManifestSummary[]
  /** Familiar names. */
  readonly RepoDigests: readonly string[]
  /** Familiar names. */
  readonly RepoTags: readonly string[]
  /** Bytes; -1 not counted. */
  readonly SharedSize: Int64
  readonly Size: Int64
}

export interface ManifestSummary {
  readonly ID: string
  readonly Descriptor: Descriptor
  readonly Available: boolean
  readonly Size: { readonly Content: Int64; readonly Total: Int64 }
  readonly Kind: "image" | "attestation" | "unknown"
  readonly ImageData?: {
    readonly Platform: Platform
    readonly Containers: readonly string[]
    readonly Size: { readonly Unpacked: Int64 }
    /** Since 1.54, when it is asked for. */
    readonly Identity?: ImageIdentity
  }
  readonly AttestationData?: { readonly For: string }
}

/** The image's defaults for its containers, as inspect shows them: absent when not set. */
export interface ImageInspectConfig {
  readonly User?: string
  readonly ExposedPorts?: Readonly<Record<string, object>>
  readonly Env?: readonly string[]
  readonly Entrypoint?: readonly string[]
  readonly Cmd?: readonly string[]
  readonly Volumes?: Readonly<Record<string, object>>
  readonly WorkingDir?: string
  readonly Labels?: Readonly<Record<string, string>>
  readonly StopSignal?: string
  readonly ArgsEscaped?: boolean
  readonly Healthcheck?: HealthConfig
  readonly OnBuild?: readonly string[]
  readonly Shell?: readonly string[]
}

/** `GET /images/{name}/json` */
export interface ImageInspect {
  readonly Id: string
  readonly RepoTags: readonly string[]
  readonly RepoDigests: readonly string[]
  /** The image that this one was committed from; before 1.52 also when empty, as the three others below. */
  readonly Parent?: string
  readonly Comment?: string
  readonly Created?: string
  readonly DockerVersion?: string
  /** Before 1.45: the container that Docker made the image of. */
  readonly Container?: string
  readonly ContainerConfig?: Readonly<Record<string, unknown>>
  readonly Author?: string
  readonly Config: ImageInspectConfig | null
  readonly Architecture: string
  readonly Variant?: string
  readonly Os: string
  readonly OsVersion?: string
  /** Bytes. */
  readonly Size: Int64
  readonly GraphDriver: GraphDriver
  readonly RootFS: { readonly Type: "layers"; readonly Layers?: readonly string[] }
  readonly Metadata: { readonly LastTagTime: string }
  readonly Descriptor?: Descriptor
  readonly Manifests?: readonly ManifestSummary[]
  /** Since 1.53; absent when nothing is known. */
  readonly Identity?: ImageIdentity
}

/** Where an image comes from, as far as this daemon saw it: names that it has here say nothing of that. */
export interface ImageIdentity {
  /** The repositories that it was pulled from or pushed to. */
  readonly Pull?: readonly { readonly Repository: string }[]
}

/** One entry of `GET /images/{name}/attestations`: an in-toto statement that belongs to an image. */
export interface AttestationStatement {
  readonly Descriptor: Descriptor
  readonly PredicateType: string
  /** The statement as it is stored, when it was asked for. */
  readonly Statement?: unknown
}

/** One entry of `GET /images/{name}/history`, newest first. */
export interface ImageHistoryItem {
  /** `<missing>` for layers that are not an image of their own. */
  readonly Id: string
  readonly Created: number
  readonly CreatedBy: string
  readonly Tags: readonly string[] | null
  readonly Size: Int64
  readonly Comment: string
}

export interface ImageDeleteItem {
  readonly Untagged?: string
  readonly Deleted?: string
}

export interface ImagesPruneResponse {
  readonly ImagesDeleted: readonly ImageDeleteItem[] | null
  readonly SpaceReclaimed: Int64
}

/** One record of the progress streams (pull, push, load, import, build); written as JSON and CR LF. */
export interface JsonMessage {
  readonly stream?: string
  readonly status?: string
  readonly progressDetail?: {
    readonly current?: number
    readonly total?: number
    readonly start?: number
    readonly units?: string
  }
  /** For people: the progress bar. */
  readonly progress?: string
  readonly id?: string
  readonly errorDetail?: { readonly code?: number; readonly message: string }
  readonly error?: string
  readonly aux?: unknown
}

/** What `X-Registry-Auth` and `POST /auth` carry. */
export interface AuthConfig {
  readonly username?: string
  readonly password?: string
  readonly auth?: string
  readonly email?: string
  readonly serveraddress?: string
  readonly identitytoken?: string
  readonly registrytoken?: string
}

export interface AuthResponse {
  readonly Status: string
  readonly IdentityToken?: string
}

/** `GET /distribution/{name}/json` */
export interface DistributionInspect {
  readonly Descriptor: Descriptor
  readonly Platforms: readonly Platform[]
}

/** `GET /distribution/{name}/manifest` (Barge's own): a manifest as its registry has it. */
export interface RemoteManifestResponse {
  /** Full, as it was asked for. */
  readonly Ref: string
  /** With the platform of an image. */
  readonly Descriptor: Descriptor
  /** The bytes, base64. */
  readonly Raw: string
}

/** One of `GET /distribution/{name}/referrers` (Barge's own): something that refers to an image in its registry. */
export interface ReferrerSummary {
  /** The manifest or index that it refers to. */
  readonly Subject: string
  /** The tag that says so, where the registry does not. */
  readonly Tag?: string
  readonly Descriptor: Descriptor
}

/** `POST /distribution/{name}/manifest` (Barge's own): an index to be stored under the name. */
export interface IndexPushRequest {
  readonly Raw: string
  readonly MediaType: string
  /** The images of the index by digest, where they are now. */
  readonly Sources: readonly string[] | null
}

/** One entry of `GET /images/search` */
export interface SearchResult {
  readonly name: string
  readonly description: string
  readonly star_count: number
  readonly is_official: boolean
  readonly is_automated: boolean
}
