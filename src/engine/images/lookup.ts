import type { ImageStore } from "../../core/images/contract.ts"
import type { Scope } from "../../core/scope.ts"
import type { ResolvedImage, Transfer } from "../../core/transfer/contract.ts"
import { Failure } from "../../errors/failure.ts"
import { familiar, formatReference, parseReference, withDefaultTag } from "../../oci/reference.ts"
export class Lookup {
  #images: ImageStore
  #transfer: Transfer
  constructor(images: ImageStore, transfer: Transfer) {
    this.#images = images
    this.#transfer = transfer
  }
  async forContainer(scope: Scope, ref: string): Promise<{ resolved: ResolvedImage; name?: string }> {
    try {
      const name = formatReference(withDefaultTag(parseReference(ref)))
      const image = await this.#images.find(scope, name)
      if (image) return { resolved: await this.#transfer.resolve(scope, image.target), name }
    } catch {}
    for (const image of await this.#images.list(scope)) {
      const resolved = await this.#transfer.resolve(scope, image.target)
      if (resolved.id === ref || resolved.id.slice(7).startsWith(ref)) return { resolved }
    }
    throw new Failure("notFound", `No such image: ${familiar(withDefaultTag(parseReference(ref)))}`)
  }
}
