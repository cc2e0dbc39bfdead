import type { JsonMessage } from "../../api/image.ts"
import type { Image } from "../../core/images/contract.ts"
import type { Scope } from "../../core/scope.ts"
import { Failure } from "../../errors/failure.ts"
import { parsePlatform } from "../../oci/platform.ts"
import { familiar, familiarName, formatReference, parseReference, type Reference } from "../../oci/reference.ts"
import type { ImageContext } from "./context.ts"
import type { PushOptions } from "./contract.ts"
import { credentialsOf } from "./credentials.ts"
import { referenceOf, sameRepository } from "./names.ts"
import { resolveFor } from "./platform.ts"
import { dockerProgress, pushWords } from "./progress.ts"
import { pushFailure } from "./registry-failure.ts"

type Tell = (message: JsonMessage) => void

/** What is to be pushed: one tag, or without one every tag. @throws invalidArgument */
export function pushReference(options: PushOptions): Reference {
  const reference = parseReference(options.image)
  const { tag } = options
  if (tag && !/^\w[\w.-]{0,127}$/.test(tag)) throw new Failure("invalidArgument", "invalid tag format")
  return tag ? { domain: reference.domain, path: reference.path, tag } : reference
}

/** `docker push`. */
export async function pushImages(context: ImageContext, scope: Scope, options: PushOptions, tell: Tell): Promise<void> {
  const reference = pushReference(options)
  const platform = options.platform ? parsePlatform(options.platform) : undefined
  if (platform) {
    const { target } = await context.catalog.locate(scope, formatReference(reference))
    await resolveFor(context, scope, target, familiar(reference), platform)
  }
  const repository = `${reference.domain}/${reference.path}`
  tell({ status: `The push refers to repository [${repository}]` })
  const own = (await context.images.list(scope)).flatMap((row) => {
    const name = referenceOf(row)
    return name && sameRepository(name, reference) ? [{ row, name }] : []
  })
  if (own.length === 0) {
    throw new Failure("notFound", `An image does not exist locally with the tag: ${familiarName(reference)}`)
  }
  if (reference.digest) throw new Failure("invalidArgument", "cannot push a digest reference")
  const wanted = own.filter(({ name }) => name.tag && (!reference.tag || name.tag === reference.tag))
  if (wanted.length === 0) {
    throw new Failure(
      "notFound",
      reference.tag ? `tag does not exist: ${familiar(reference)}` : `no tags to push for ${familiarName(reference)}`,
    )
  }
  for (const { row, name } of wanted) await pushOne(context, scope, row, name, options, tell)
  const image = (await context.catalog.find(scope, formatReference(wanted[0]!.name))).image
  context.events.publish({
    Type: "image",
    Action: "push",
    Actor: {
      ID: familiar(reference),
      Attributes: { ...image.resolved?.config.config?.Labels, name: familiarName(reference) },
    },
  })
}

async function pushOne(
  context: ImageContext,
  scope: Scope,
  row: Image,
  name: Reference,
  options: PushOptions,
  tell: Tell,
): Promise<void> {
  const platform = options.platform ? parsePlatform(options.platform) : undefined
  const credentials = credentialsOf(options.auth)
  await context.leases.within(scope, async (held) => {
    const { pushed, form } = await context.remote
      .push(held, name, row.target, {
        ...(platform ? { platform } : {}),
        ...(credentials ? { credentials } : {}),
        progress: dockerProgress(pushWords, tell),
      })
      .catch((error: unknown) => {
        throw pushFailure(error)
      })
    if (form.digest !== row.target.digest) await rename(context, held, row, form)
    if (!context.remote.keepsLayers) context.collector.schedule()
    tell({ status: `${name.tag}: digest: ${pushed.digest} size: ${pushed.size}` })
    tell({ progressDetail: {}, aux: { Tag: name.tag, Digest: pushed.digest, Size: pushed.size } })
  })
}

/** All names of an image get the form that the registry has: its digest is the same everywhere then, and plain tars go. */
async function rename(context: ImageContext, scope: Scope, row: Image, form: Image["target"]): Promise<void> {
  for (const each of await context.images.list(scope)) {
    if (each.target.digest !== row.target.digest || !referenceOf(each)) continue
    await context.images.set(scope, each.name, form)
  }
  context.collector.schedule()
}
