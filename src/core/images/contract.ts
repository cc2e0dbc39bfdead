import type { Descriptor } from "../../oci/descriptor.ts"
import type { Digest } from "../../oci/digest.ts"
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
  list(scope: Scope): Promise<readonly Image[]>
  /** The names that point to this content, in order. */
  pointingTo(scope: Scope, digest: Digest): Promise<readonly Image[]>
  /** Creates the name or points it elsewhere. @returns the image and what the name pointed to before */
  set(
    scope: Scope,
    name: string,
    target: Descriptor,
    labels?: Readonly<Record<string, string>>,
  ): Promise<{ readonly image: Image; readonly previous?: Image }>
  /** @throws notFound */
  remove(scope: Scope, name: string): Promise<void>
}
