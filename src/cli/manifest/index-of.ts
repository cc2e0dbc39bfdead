import type { RemoteManifestResponse } from "../../api/image.ts"
import { mediaTypes } from "../../oci/descriptor.ts"
import { Exit } from "../command.ts"

/** The index of some images: of OCI's type when all of them are, else Docker's. @throws Exit for one without a platform */
export function indexOf(manifests: readonly RemoteManifestResponse[]): {
  readonly type: string
  readonly text: string
} {
  const oci = manifests.every(({ Descriptor }) => Descriptor.mediaType === mediaTypes.ociManifest)
  const type = oci ? mediaTypes.ociIndex : mediaTypes.dockerList
  const document = {
    schemaVersion: 2,
    mediaType: type,
    manifests: manifests.map(({ Ref, Descriptor: { mediaType, size, digest, platform } }) => {
      if (!platform?.os || !platform.architecture) {
        throw new Exit(1, `manifest ${Ref} must have an OS and Architecture to be pushed to a registry`)
      }
      return { mediaType, size, digest, platform }
    }),
  }
  return { type, text: JSON.stringify(document, null, 3) }
}
