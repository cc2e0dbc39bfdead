import { expect, test } from "bun:test"
import { kindOf } from "../../errors/failure.ts"
import { mediaTypes } from "../../oci/descriptor.ts"
import { digestOf } from "../../oci/digest.ts"
import { backgroundScope } from "../scope.ts"
import type { ImageStore } from "./contract.ts"

const scope = backgroundScope("moby", "test")
const other = backgroundScope("k8s.io", "test")
const target = (text: string) => ({ mediaType: mediaTypes.ociManifest, digest: digestOf(text), size: text.length })

/** What every {@link ImageStore} must do. `run` calls its argument with an empty store. */
export function imageSuite(run: (use: (images: ImageStore) => Promise<void>) => Promise<void>): void {
  const check = (name: string, use: (images: ImageStore) => Promise<void>) => test(name, () => run(use))

  check("a name points to what it was set to last, and tells what it pointed to before", async (images) => {
    const first = await images.set(scope, "docker.io/library/a:latest", target("one"), { made: "here" })
    expect(first.previous).toBeUndefined()
    const second = await images.set(scope, "docker.io/library/a:latest", target("two"))
    expect(second.previous).toEqual(first.image)
    expect(second.image).toMatchObject({ target: target("two"), labels: { made: "here" } })
    expect(second.image.createdAt).toBe(first.image.createdAt)
    expect(second.image.updatedAt).toBeGreaterThan(first.image.updatedAt)
    expect(await images.get(scope, "docker.io/library/a:latest")).toEqual(second.image)
  })

  check("names belong to their namespace and are listed in order", async (images) => {
    await images.set(scope, "b", target("b"))
    await images.set(scope, "a", target("a"))
    await images.set(other, "c", target("c"))
    expect((await images.list(scope)).map((image) => image.name)).toEqual(["a", "b"])
    expect(await images.find(other, "a")).toBeUndefined()
  })

  check("the names of one image are found by its digest", async (images) => {
    await images.set(scope, "b", target("one"))
    await images.set(scope, "a", target("one"))
    await images.set(scope, "c", { ...target("two"), annotations: { base: target("one").digest } })
    await images.set(other, "d", target("one"))
    const found = await images.pointingTo(scope, target("one").digest)
    expect(found.map((image) => image.name)).toEqual(["a", "b"])
    expect(found[0]).toEqual(await images.get(scope, "a"))
    expect(await images.pointingTo(scope, target("three").digest)).toEqual([])
  })

  check("labels are changed as a mask says, and filters choose by them", async (images) => {
    const { image } = await images.set(scope, "a", target("a"), { x: "1", y: "2" })
    await images.set(scope, "b", { ...target("b"), annotations: { base: "a" } })
    const updated = await images.updateLabels(scope, "a", { x: "3" }, ["labels.x", "labels.y"])
    expect(updated).toMatchObject({ labels: { x: "3" }, target: image.target, createdAt: image.createdAt })
    expect(updated.updatedAt).toBeGreaterThan(image.updatedAt)
    expect((await images.updateLabels(scope, "a", { z: "4" })).labels).toEqual({ z: "4" })
    const named = async (...filters: readonly string[]) => (await images.list(scope, filters)).map((each) => each.name)
    expect(await named("labels.z==4")).toEqual(["a"])
    expect(await named("annotations.base", "name==a")).toEqual(["a", "b"])
    expect(await named(`target.digest==${target("b").digest},target.mediatype~=manifest`)).toEqual(["b"])
    expect(await images.updateLabels(scope, "c", {}).then(() => "nothing", kindOf)).toBe("notFound")
    expect(await images.updateLabels(scope, "a", {}, ["target"]).then(() => "nothing", kindOf)).toBe("invalidArgument")
    expect(await images.list(scope, ["="]).then(() => "nothing", kindOf)).toBe("invalidArgument")
  })

  check("a removed name is gone, and a missing one is told", async (images) => {
    await images.set(scope, "a", target("a"))
    await images.remove(scope, "a")
    expect(await images.find(scope, "a")).toBeUndefined()
    for (const missing of [images.remove(scope, "a"), images.get(scope, "a")]) {
      expect(await missing.then(() => "nothing", kindOf)).toBe("notFound")
    }
  })
}
