import type { Descriptor } from "../../oci/descriptor.ts"
import type { ChainID, Digest } from "../../oci/digest.ts"
import type { ImageConfig, Manifest } from "../../oci/image.ts"
import type { Platform } from "../../oci/platform.ts"
import type { Scope } from "../scope.ts"

/** What happened to one thing during a long operation; the API turns it into Docker's JSON progress. */
export interface TransferProgress {
  /** A layer's short ID or an image's name. */
  readonly id?: string
  readonly status: string
  readonly current?: number
  readonly total?: number
}

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

/** Images in and out of the store, and from the store into snapshots. */
export interface Transfer {
  /** Picks the manifest for `platform` (default: the host's) out of `target`. @throws notFound when there is none */
  resolve(scope: Scope, target: Descriptor, platform?: Platform): Promise<ResolvedImage>
  /** Makes sure that every layer of the image is a committed snapshot named by its chain ID; each is unpacked once however many ask. */
  unpack(scope: Scope, image: ResolvedImage, progress?: (progress: TransferProgress) => void): Promise<void>
  /** Loads a docker-archive or an OCI layout (plain, gzip, zstd, xz when the tool is there). Nothing stays when it fails. @throws invalidArgument */
  load(
    scope: Scope,
    archive: AsyncIterable<Uint8Array>,
    options?: { readonly platform?: Platform; readonly progress?: (progress: TransferProgress) => void },
  ): Promise<readonly LoadedImage[]>
  /** Writes docker-archive plus OCI layout in one tar. `images` are names, or IDs for what is saved without a name. @throws notFound before the first byte */
  save(
    scope: Scope,
    images: readonly { readonly target: Descriptor; readonly names: readonly string[] }[],
    options?: { readonly platform?: Platform },
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
