import type { Credentials } from "../../distribution/credentials.ts"
import type { Descriptor } from "../../oci/descriptor.ts"
import type { ChainID, Digest } from "../../oci/digest.ts"
import type { ImageConfig, Manifest } from "../../oci/image.ts"
import type { Platform } from "../../oci/platform.ts"
import type { Reference } from "../../oci/reference.ts"
import type { Scope } from "../scope.ts"
import type { TellProgress } from "./progress.ts"

/** An image resolved for one platform, ready to be run. */
export interface ResolvedImage {
  readonly manifest: Descriptor
  readonly content: Manifest
  readonly configDescriptor: Descriptor
  /** Docker's image ID: the configuration's digest. */
  readonly id: Digest
  readonly config: ImageConfig
  /** The snapshot name of the whole stack; absent for an image without layers. */
  readonly chainID?: ChainID
}

export interface LoadedImage {
  /** Full reference; absent for an image without a name. */
  readonly name?: string
  readonly id: Digest
}

/** What is asked of a registry, and as whom. */
export interface RemoteOptions {
  readonly credentials?: Credentials
  readonly progress: TellProgress
}

/** Images between the store and registries. */
export interface RemoteImages {
  /** Whether layers stay beside their unpacked form. When not, the next collection lets go what a pull, push or restore has left. */
  readonly keepsLayers: boolean
  /**
   * Brings what `reference` is in its registry into the store, unpacked, under the scope's lease: it has to be named within it.
   * `options.found` is told when the registry has answered, before anything is fetched.
   * @returns what the reference is there (an index, as a rule), and the image for the platform
   */
  pull(
    scope: Scope,
    reference: Reference,
    options: RemoteOptions & { readonly platform?: Platform; readonly found: () => void },
  ): Promise<{ readonly target: Descriptor; readonly image: ResolvedImage }>
  /** Every tag of a repository. */
  tags(scope: Scope, reference: Reference, options: Pick<RemoteOptions, "credentials">): Promise<readonly string[]>
  /**
   * Brings `target` into the repository of `reference`, whose tag it becomes. Layers go out compressed.
   * @returns what the tag is now, and the form of `target` that it is of: with compressed layers, under the scope's lease until
   * something is named by it
   */
  push(
    scope: Scope,
    reference: Reference,
    target: Descriptor,
    options: RemoteOptions & { readonly platform?: Platform },
  ): Promise<{ readonly pushed: Descriptor; readonly form: Descriptor }>
  /** Copies from registry to registry, without storing or unpacking anything. @returns what `to` is now */
  copy(
    scope: Scope,
    from: Reference,
    to: Reference,
    options: {
      readonly platform?: Platform
      /** What refers to the image goes along: signatures, SBOMs, attestations. */
      readonly referrers: boolean
      /** By registry. */
      readonly credentials: (domain: string) => Credentials | undefined
      readonly progress: TellProgress
    },
  ): Promise<Descriptor>
  /**
   * Brings back layers of `target` that were not kept.
   * @returns disposing lets them go again
   * @throws notFound when they cannot be had any more
   */
  restore(scope: Scope, target: Descriptor, options?: Pick<RemoteOptions, "credentials">): Promise<AsyncDisposable>
  /** Whether the repository of `reference` is known to have the content: it came from there or was brought there. */
  isAt(scope: Scope, reference: Pick<Reference, "domain" | "path">, digest: Digest): Promise<boolean>
}

/** Images in and out of the store, and from the store into snapshots. */
export interface Transfer {
  /** Picks the manifest for `platform` (default: the host's) out of `target`. @throws notFound when there is none */
  resolve(scope: Scope, target: Descriptor, platform?: Platform): Promise<ResolvedImage>
  /** Makes sure that every layer of the image is a committed snapshot named by its chain ID; each is unpacked once however many ask. */
  unpack(scope: Scope, image: ResolvedImage, progress?: TellProgress): Promise<void>
  /**
   * Loads a docker-archive or an OCI layout (plain, gzip, zstd, xz when the tool is there). Nothing stays when it fails.
   * @throws invalidArgument; notFound when an image lacks one of the platforms that are asked for
   */
  load(
    scope: Scope,
    archive: AsyncIterable<Uint8Array>,
    options?: { readonly platforms?: readonly Platform[]; readonly progress?: TellProgress },
  ): Promise<readonly LoadedImage[]>
  /**
   * Writes docker-archive plus OCI layout in one tar. `images` are names, or IDs for what is saved without a name. With one platform its image
   * is written alone, with several their index with the content of these platforms only.
   * @throws notFound before the first byte, also for a platform that an image does not have
   */
  save(
    scope: Scope,
    images: readonly { readonly target: Descriptor; readonly names: readonly string[] }[],
    options?: { readonly platforms?: readonly Platform[] },
  ): AsyncIterable<Uint8Array>
  /**
   * Makes a one-layer image of a root file system tar (plain or compressed; `docker import`), unpacked already. It belongs to
   * the scope's lease until it is named: call it within one.
   */
  importTree(
    scope: Scope,
    tar: AsyncIterable<Uint8Array>,
    options: {
      readonly config: Omit<ImageConfig, "rootfs" | "history">
      readonly comment?: string
      readonly createdBy?: string
      readonly platform?: Platform
    },
  ): Promise<{ readonly target: Descriptor; readonly id: Digest }>
  /** Makes an image of snapshot `key` on top of `base` (`docker commit`). Belongs to the scope's lease as with {@link importTree}. */
  commit(
    scope: Scope,
    key: string,
    base: ResolvedImage | undefined,
    options: {
      readonly config: Omit<ImageConfig, "rootfs" | "history">
      readonly comment?: string
      readonly createdBy?: string
    },
  ): Promise<{ readonly target: Descriptor; readonly id: Digest }>
}
