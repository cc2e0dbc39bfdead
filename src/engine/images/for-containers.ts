import type { Scope } from "../../core/scope.ts"
import type { ResolvedImage } from "../../core/transfer/contract.ts"
import type { ImageConfig, ImageRunConfig } from "../../oci/image.ts"

/** An image that a container is made of. */
export interface ContainerImage {
  readonly resolved: ResolvedImage
  /** The full name that it was found by; absent when it was found by ID. */
  readonly name?: string
}

/** A snapshot that becomes an image. */
export interface CommitRequest {
  readonly snapshotKey: string
  /** Empty for a container without an image. */
  readonly baseImageId: string
  readonly config: Omit<ImageConfig, "rootfs" | "history">
  /** Defaults for everything that `config` and `changes` do not set. */
  readonly below: ImageRunConfig
  readonly changes: readonly string[]
  readonly createdBy: string
  readonly comment?: string
  readonly repository?: string
  readonly tag?: string
}

/** Images as containers use them: found, unpacked, made by `commit`. */
export interface ContainerImages {
  /** The image that `ref` names, unpacked. @throws notFound (`No such image: x:latest`) */
  forContainer(scope: Scope, ref: string, platform?: string): Promise<ContainerImage>
  /** Makes an image of a snapshot on top of the container's image, and tags it when a repository is given. */
  commit(scope: Scope, request: CommitRequest): Promise<{ readonly id: string; readonly reference?: string }>
  /** The name to show for a container's image: `asCreated`, or its ID when that name means another image by now. */
  display(scope: Scope, imageId: string, asCreated: string): Promise<string>
}
