import type { AuthConfig, IndexPushRequest, RemoteManifestResponse } from "../../api/image.ts"
import type { Scope } from "../../core/scope.ts"
import type { RemoteImages } from "../../core/transfer/contract.ts"
import { parseIndex } from "../../core/transfer/documents.ts"
import type { Registries } from "../../distribution/registries.ts"
import { isUnknown } from "../../distribution/repository.ts"
import { Failure } from "../../errors/failure.ts"
import { isIndex } from "../../oci/descriptor.ts"
import { formatReference, parseReference, withDefaultTag } from "../../oci/reference.ts"
import { credentialsOf } from "../images/credentials.ts"
import { sameRepository } from "../images/names.ts"
import { registryOf } from "../images/registry-name.ts"
import { platformsOf } from "./distribution.ts"

/** A manifest as its registry has it, with the platform of an image. @throws notFound in Docker's words */
export async function remoteManifest(
  registries: Registries,
  scope: Scope,
  ref: string,
  auth: AuthConfig | undefined,
): Promise<RemoteManifestResponse> {
  const reference = withDefaultTag(parseReference(ref))
  const repository = await registries.repository(reference, credentialsOf(auth))
  try {
    const { descriptor, bytes } = await repository.manifest(reference.digest ?? reference.tag!, scope.signal)
    const { mediaType } = descriptor
    const [platform] = isIndex(mediaType) ? [] : await platformsOf(repository, mediaType, bytes)
    return {
      Ref: formatReference(reference),
      Descriptor: { ...descriptor, ...(platform ? { platform } : {}) },
      Raw: Buffer.from(bytes).toString("base64"),
    }
  } catch (error) {
    if (!isUnknown(error)) throw error
    throw new Failure("notFound", `no such manifest: ${formatReference(reference)}`, error)
  }
}

/** Stores an index, after what it names. @throws invalidArgument when it is none, or names what is nowhere */
export async function pushIndex(
  registries: Registries,
  remote: RemoteImages,
  scope: Scope,
  ref: string,
  index: IndexPushRequest,
  auths: Readonly<Record<string, AuthConfig>>,
): Promise<{ readonly Digest: string }> {
  const target = withDefaultTag(parseReference(ref))
  const credentials = (domain: string) =>
    credentialsOf(Object.entries(auths).find(([address]) => registryOf(address) === domain)?.[1])
  const bytes = Buffer.from(index.Raw, "base64")
  if (!isIndex(index.MediaType)) throw new Failure("invalidArgument", `${index.MediaType} is not the type of an index`)
  parseIndex(bytes, "manifest list")
  for (const source of index.Sources ?? []) {
    const from = parseReference(source)
    if (!from.digest) throw new Failure("invalidArgument", `${source} is not named by its digest`)
    if (sameRepository(from, target)) continue
    const to = { domain: target.domain, path: target.path, tag: from.digest }
    await remote.copy(scope, from, to, { referrers: false, credentials, progress: () => {} })
  }
  const repository = await registries.repository(target, credentials(target.domain))
  return { Digest: await repository.putManifest(target.tag ?? "latest", index.MediaType, bytes, scope.signal) }
}
