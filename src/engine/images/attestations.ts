import type { AttestationStatement } from "../../api/image.ts"
import type { Scope } from "../../core/scope.ts"
import { Failure } from "../../errors/failure.ts"
import { type Descriptor, isIndex } from "../../oci/descriptor.ts"
import type { Index, Manifest } from "../../oci/image.ts"
import { parsePlatform } from "../../oci/platform.ts"
import { decodeJson } from "../../std/json.ts"
import type { ImageContext } from "./context.ts"
import type { AttestationOptions } from "./contract.ts"
import { resolveFor } from "./platform.ts"

/** On a manifest of an index: which image it attests, and that it does (BuildKit's "attestation storage"). */
const subject = "vnd.docker.reference.digest"
const role = "vnd.docker.reference.type"
/** On a layer of such a manifest: the predicate type of the in-toto statement that it is. */
const predicateType = "in-toto.io/predicate-type"

/**
 * The in-toto statements that stand beside an image in its index, as far as they are stored here.
 * @throws notFound for an unknown image or one that is not for the platform; invalidArgument for several platforms
 */
export async function imageAttestations(
  context: ImageContext,
  scope: Scope,
  ref: string,
  options: AttestationOptions,
): Promise<readonly AttestationStatement[]> {
  const [platform, ...others] = options.platforms
  if (others.length > 0) throw new Failure("invalidArgument", "only one platform value is currently supported")
  const { target } = await context.catalog.find(scope, ref)
  const image = platform
    ? await resolveFor(context, scope, target, ref, parsePlatform(platform))
    : await context.transfer.resolve(scope, target)
  if (!isIndex(target.mediaType)) return []
  const { manifests } = await read<Index>(context, scope, target)
  const found: AttestationStatement[] = []
  for (const manifest of manifests) {
    if (manifest.annotations?.[subject] !== image.manifest.digest) continue
    if (manifest.annotations[role] !== "attestation-manifest") continue
    if (!(await context.content.has(scope, manifest.digest))) continue
    for (const layer of (await read<Manifest>(context, scope, manifest)).layers) {
      const type = layer.annotations?.[predicateType]
      if (!type || (options.types.length > 0 && !options.types.includes(type))) continue
      const statement = options.statement ? { Statement: await read<unknown>(context, scope, layer) } : {}
      found.push({ Descriptor: layer, PredicateType: type, ...statement })
    }
  }
  return found
}

const read = async <T>({ content }: ImageContext, scope: Scope, { digest }: Descriptor): Promise<T> =>
  decodeJson(Buffer.from(await content.readAll(scope, digest)).toString("utf8")) as T
