import { isKind } from "../../errors/failure.ts"
import { algorithmOf, type Digest } from "../../oci/digest.ts"
import { newId } from "../../std/id.ts"
import type { Scope } from "../scope.ts"
import type { ContentInfo, ContentStore } from "./contract.ts"

/** How the writes begin that nobody can go on with: a stream comes once. */
export const onceOnly = "stream-"

/**
 * Stores a stream as one blob; a blob that is there already is no error. Nothing stays when it fails.
 * @param options.expected.digest refused with invalidArgument when the bytes have another
 * @param options.unsynced see {@link Ingest.commit}
 * @param options.labels of a new blob; those of one that was there are added to
 */
export async function storeStream(
  scope: Scope,
  content: ContentStore,
  source: AsyncIterable<Uint8Array>,
  options: {
    readonly expected?: { readonly digest?: Digest; readonly size?: number }
    readonly labels?: () => Readonly<Record<string, string>>
    readonly unsynced?: boolean
  } = {},
): Promise<ContentInfo> {
  const { expected = {}, unsynced = false } = options
  const ref = `${onceOnly}${newId()}`
  try {
    await using ingest = await content.ingest(scope, ref, {
      ...(expected.size === undefined ? {} : { total: expected.size }),
      ...(expected.digest && algorithmOf(expected.digest) !== "sha256" ? { expected: expected.digest } : {}),
    })
    for await (const bytes of source) {
      scope.signal?.throwIfAborted()
      await ingest.write(bytes)
    }
    const labels = options.labels?.() ?? {}
    // Told by the commit when the blob is new only: one that is there has to be found again.
    const digest = expected.digest ?? (await ingest.digest())
    try {
      return await ingest.commit(scope, { ...expected, labels, unsynced })
    } catch (error) {
      if (!isKind(error, "alreadyExists")) throw error
      return await content.label(scope, digest, labels)
    }
  } catch (error) {
    await content.abort(scope, ref).catch(() => {})
    throw error
  }
}
