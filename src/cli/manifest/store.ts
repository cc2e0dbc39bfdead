import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { RemoteManifestResponse } from "../../api/image.ts"
import { familiar, formatReference, parseReference, type Reference, withDefaultTag } from "../../oci/reference.ts"

/** A reference as folders are called by it, the way docker does. */
const folded = (reference: Reference): string => formatReference(reference).replaceAll("/", "_").replaceAll(":", "-")

/** A reference as docker's manifest commands take it. @throws invalidArgument */
export const manifestName = (text: string): Reference => withDefaultTag(parseReference(text))

/** Lists of manifests that are being put together, in the folder of the client's configuration. */
export class ManifestLists {
  readonly #folder: string

  constructor(configFolder: string) {
    this.#folder = join(configFolder, "manifests")
  }

  has(list: Reference): boolean {
    return existsSync(this.#path(list))
  }

  /** In the order of their names. */
  all(list: Reference): readonly RemoteManifestResponse[] {
    if (!this.has(list)) return []
    const read = (name: string) => JSON.parse(readFileSync(join(this.#path(list), name), "utf8"))
    return readdirSync(this.#path(list)).sort().map(read)
  }

  get(list: Reference, manifest: Reference): RemoteManifestResponse | undefined {
    return this.all(list).find((each) => each.Ref === formatReference(manifest))
  }

  put(list: Reference, manifest: RemoteManifestResponse): void {
    mkdirSync(this.#path(list), { recursive: true, mode: 0o755 })
    const name = folded(parseReference(manifest.Ref))
    writeFileSync(join(this.#path(list), name), JSON.stringify(manifest), { mode: 0o644 })
  }

  /** @returns whether there was one */
  remove(list: Reference): boolean {
    const found = this.has(list)
    rmSync(this.#path(list), { recursive: true, force: true })
    return found
  }

  #path(list: Reference): string {
    return join(this.#folder, folded(list))
  }
}

/** What messages call a list. */
export const shownName = (reference: Reference): string => familiar(reference)
