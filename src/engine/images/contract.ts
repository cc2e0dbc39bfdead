import type { Filters } from "../../api/filters.ts"
import type {
  AttestationStatement,
  AuthConfig,
  ImageDeleteItem,
  ImageHistoryItem,
  ImageInspect,
  ImageSummary,
  ImagesPruneResponse,
  JsonMessage,
} from "../../api/image.ts"
import type { Scope } from "../../core/scope.ts"

export interface ImageListOptions {
  readonly all: boolean
  /** dangling, reference, before, since, until, label */
  readonly filters: Filters
  /** Count SharedSize. */
  readonly sharedSize: boolean
  /** Include RepoDigests of images without a tag. */
  readonly digests: boolean
  readonly manifests: boolean
  /** Include the identity of each manifest, which needs `manifests`. */
  readonly identity?: boolean
}

export interface AttestationOptions {
  /** `os/arch[/variant]`, one at most; the host's when empty. */
  readonly platforms: readonly string[]
  /** Predicate types; all when empty. */
  readonly types: readonly string[]
  /** Give the statements themselves too. */
  readonly statement: boolean
}

export interface ImageRemoveOptions {
  readonly force: boolean
  /** Keep untagged parents. */
  readonly noPrune: boolean
  /** `os/arch[/variant]` */
  readonly platforms: readonly string[]
}

export interface ImportOptions {
  readonly repository?: string
  readonly tag?: string
  readonly message?: string
  /** Dockerfile instructions. */
  readonly changes: readonly string[]
  readonly platform?: string
  /** `-`: the request body, otherwise a URL. */
  readonly source: string
}

export interface PullOptions {
  readonly image: string
  /** A tag or a digest; absent: `latest`. */
  readonly tag?: string
  readonly all: boolean
  readonly platform?: string
  readonly auth?: AuthConfig
}

export interface PushOptions {
  readonly image: string
  readonly tag?: string
  readonly platform?: string
  readonly auth?: AuthConfig
}

export interface CopyOptions {
  readonly from: string
  readonly to: string
  readonly platform?: string
  /** Signatures, SBOMs and attestations go along. */
  readonly referrers: boolean
  /** By server address, as `X-Registry-Config` has it. */
  readonly auths: Readonly<Record<string, AuthConfig>>
}

/**
 * Docker's images. `ref` is a familiar or full reference, an ID or a unique ID prefix; a name beats an ID prefix. Every call
 * with a `ref` throws notFound (`No such image: x:latest`) or invalidArgument. Streams of messages: what is thrown before the first
 * one becomes the HTTP status; afterwards it goes into the stream.
 */
export interface Images {
  list(scope: Scope, options: ImageListOptions): Promise<readonly ImageSummary[]>
  inspect(
    scope: Scope,
    ref: string,
    options: { readonly manifests: boolean; readonly platform?: string },
  ): Promise<ImageInspect>
  /** The in-toto statements that are stored here for an image. @throws invalidArgument for several platforms */
  attestations(scope: Scope, ref: string, options: AttestationOptions): Promise<readonly AttestationStatement[]>
  history(scope: Scope, ref: string, options: { readonly platform?: string }): Promise<readonly ImageHistoryItem[]>
  tag(scope: Scope, ref: string, options: { readonly repository: string; readonly tag?: string }): Promise<void>
  /** @throws conflict when containers or other images need it */
  remove(scope: Scope, ref: string, options: ImageRemoveOptions): Promise<readonly ImageDeleteItem[]>
  load(
    scope: Scope,
    archive: AsyncIterable<Uint8Array>,
    options: { readonly quiet: boolean; readonly platforms: readonly string[] },
  ): AsyncIterable<JsonMessage>
  /** A tar of `refs`. @throws notFound before the first byte */
  save(
    scope: Scope,
    refs: readonly string[],
    options: { readonly platforms: readonly string[] },
  ): Promise<AsyncIterable<Uint8Array>>
  /** Filters: dangling, label, label!, until. */
  prune(scope: Scope, filters: Filters): Promise<ImagesPruneResponse>
  /** `docker import`. */
  importTree(scope: Scope, tar: AsyncIterable<Uint8Array>, options: ImportOptions): AsyncIterable<JsonMessage>
  pull(scope: Scope, options: PullOptions): AsyncIterable<JsonMessage>
  push(scope: Scope, options: PushOptions): AsyncIterable<JsonMessage>
  /** Copies an image from one registry to another. */
  copy(scope: Scope, options: CopyOptions): AsyncIterable<JsonMessage>
  /** Makes a base image of the distribution's own packages: `busybox`, `debian`, `debian:SUITE`. */
  bootstrap(scope: Scope, name: string): AsyncIterable<JsonMessage>
}
