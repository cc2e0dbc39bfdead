import { expect, test } from "bun:test"
import { mounted, type ParamsOf, Router } from "./router.ts"

const router = new Router<string>([
  ["GET /images/json", "list"],
  ["GET|HEAD /images/:name/json", "inspect"],
  ["DELETE /images/:name", "remove"],
  ["GET /v1.0/odd", "dots"],
  ...mounted("/v2", [
    ["POST /:repository/blobs/uploads/?", "begin"],
    ["GET /:repository/blobs/:digest([^/]+)", "read"],
    ["DELETE /:repository/blobs/:digest([^/]+)", "delete"],
  ]),
])

test("a variable takes slashes, and the first route of the method wins", () => {
  expect(router.find("GET", "/images/json")).toEqual({ key: "GET /images/json", route: "list", params: {} })
  expect(router.find("HEAD", "/images/a/b:1/json")).toEqual({
    key: "GET|HEAD /images/:name/json",
    route: "inspect",
    params: { name: "a/b:1" },
  })
  expect(router.find("DELETE", "/images/json")).toMatchObject({ route: "remove", params: { name: "json" } })
  expect(router.find("DELETE", "/images/a\nb")).toMatchObject({ params: { name: "a\nb" } })
  expect([router.find("POST", "/images/json"), router.find("GET", "/images/"), router.find("GET", "/")]).toEqual([
    undefined,
    undefined,
    undefined,
  ])
  expect([router.find("GET", "/v1.0/odd")?.route, router.find("GET", "/v1x0/odd")]).toEqual(["dots", undefined])
})

test("a mounted table has its prefix, a constraint keeps slashes out, a slash at the end may be left away", () => {
  expect(router.find("POST", "/v2/a/b/blobs/uploads")).toMatchObject({ route: "begin", params: { repository: "a/b" } })
  expect(router.find("POST", "/v2/a/blobs/uploads/")).toMatchObject({ route: "begin" })
  expect(router.find("GET", "/v2/a/blobs/b/blobs/c")?.params).toEqual({ repository: "a/blobs/b", digest: "c" })
  expect(router.find("GET", "/v2/a/blobs/c/d")).toBeUndefined()
})

test("a path tells what may be done with it, by the first pattern that it matches", () => {
  expect([...router.at("/v2/a/blobs/uploads")!.keys()]).toEqual(["POST"])
  const read = router.at("/v2/a/blobs/sha256:1")!
  expect([...read].map(([method, { route }]) => `${method} ${route}`)).toEqual(["GET read", "DELETE delete"])
  expect(read.get("GET")?.params).toEqual({ repository: "a", digest: "sha256:1" })
  expect(router.at("/elsewhere")).toBeUndefined()
})

test("parameters have their names as types", () => {
  const params: ParamsOf<"GET /containers/:id/checkpoints/:checkpoint"> = { id: "a", checkpoint: "b" }
  const digest: ParamsOf<"GET /v2/:repository/blobs/:digest([^/]+)"> = { repository: "a", digest: "b" }
  const none: ParamsOf<"GET /info"> = {}
  expect([params, digest, none]).toHaveLength(3)
})
