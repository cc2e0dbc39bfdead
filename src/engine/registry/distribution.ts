import type { AuthConfig, DistributionInspect } from "../../api/image.ts"
import type { Scope } from "../../core/scope.ts"
import { parseImageConfig, parseIndex, parseManifest } from "../../core/transfer/documents.ts"
import type { Registries } from "../../distribution/registries.ts"
import type { Repository } from "../../distribution/repository.ts"
import { Failure, isKind, messageOf } from "../../errors/failure.ts"
import { isImageConfig, isIndex } from "../../oci/descriptor.ts"
import type { Platform } from "../../oci/platform.ts"
import { parseReference, withDefaultTag } from "../../oci/reference.ts"
import { credentialsOf } from "../images/credentials.ts"

const largestConfig = 8 << 20

/** `GET /distribution/{name}/json`: what a name is in its registry, and for which platforms. */
export async function inspectRemote(
  registries: Registries,
  scope: Scope,
  ref: string,
  auth: AuthConfig | undefined,
): Promise<DistributionInspect> {
  if (/^(?:sha256:)?[0-9a-f]{64}$/.test(ref)) {
    throw new Failure("internal", "no manifest found for full image ID")
  }
  const reference = withDefaultTag(parseReference(ref))
  const repository = await registries.repository(reference, credentialsOf(auth))
  const { descriptor, bytes } = await repository
    .manifest(reference.digest ?? reference.tag!, scope.signal)
    .catch((error: unknown) => {
      throw isKind(error, "unauthenticated") ? new Failure("internal", messageOf(error), error) : error
    })
  if (descriptor.mediaType.startsWith("application/vnd.docker.distribution.manifest.v1")) {
    throw new Failure(
      "invalidArgument",
      "Docker Image Format v1 and Docker Image manifest version 2, schema 1 support has been removed. More information at https://docs.docker.com/go/deprecated-image-specs/",
    )
  }
  return { Descriptor: descriptor, Platforms: await platformsOf(repository, descriptor.mediaType, bytes) }
}

/** What an index or image is for; the configuration of an image is asked for it. */
export async function platformsOf(
  repository: Repository,
  mediaType: string,
  bytes: Uint8Array,
): Promise<readonly Platform[]> {
  if (isIndex(mediaType)) return parseIndex(bytes).manifests.flatMap((each) => each.platform ?? [])
  const { config } = parseManifest(bytes)
  if (!isImageConfig(config.mediaType)) return []
  const { body } = await repository.blob(config.digest)
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body) {
    size += chunk.length
    if (size > largestConfig) return []
    chunks.push(chunk)
  }
  const { os, architecture, variant } = parseImageConfig(Buffer.concat(chunks))
  return [{ architecture, os, ...(variant ? { variant } : {}) }]
}
