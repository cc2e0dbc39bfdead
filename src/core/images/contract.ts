import type { Descriptor } from "../../oci/descriptor.ts"
import type { Digest } from "../../oci/digest.ts"
import type { Labels } from "../metadata/labels.ts"
import type { Scope } from "../scope.ts"

/** A name for a target. Names are full references (`docker.io/library/busybox:latest`) or, for untagged images, the target's digest. */
export interface Image {
  readonly name: string
  readonly target: Descriptor
  readonly labels: Readonly<Record<string, string>>
  /** Nanoseconds since the epoch. */
  readonly createdAt: bigint
  readonly updatedAt: bigint
}

/** Names and what they point to. The garbage collector keeps what is reachable from here. */
export interface ImageStore {
  /** @throws notFound */
  get(scope: Scope, name: string): Promise<Image>
  find(scope: Scope, name: string): Promise<Image | undefined>
  /**
   * All names of the namespace, in order; with filters (containerd's, over `name`, `target.digest`, `target.mediatype`, `labels`, `annotations`)
   * those that match one.
   * @throws invalidArgument
   */
  list(scope: Scope, filters?: readonly string[]): Promise<readonly Image[]>
  /** The names that point to this content, in order. */
  pointingTo(scope: Scope, digest: Digest): Promise<readonly Image[]>
  /** Creates the name or points it elsewhere. @returns the image and what the name pointed to before */
  set(
    scope: Scope,
    name: string,
    target: Descriptor,
    labels?: Readonly<Record<string, string>>,
  ): Promise<{ readonly image: Image; readonly previous?: Image }>
  /** Changes labels, all of them or those of a field mask ({@link updatedLabels}). @throws notFound; invalidArgument for another path */
  updateLabels(scope: Scope, name: string, labels: Labels, paths?: readonly string[]): Promise<Image>
  /** @throws notFound */
  remove(scope: Scope, name: string): Promise<void>
}
