import { expect, test } from "bun:test"
import { filledTag } from "./subject.ts"
import { booleanOption, byteSize, decimalSize, goDuration } from "./values.ts"

test("sizes are read with their units", () => {
  expect([byteSize("10"), byteSize("1k"), byteSize("1.5 MiB"), byteSize("2g")]).toEqual([10, 1024, 1_572_864, 2 ** 31])
  expect([decimalSize("1k"), decimalSize("10MB")]).toEqual([1000, 10_000_000])
  expect(() => byteSize("much")).toThrow("invalid size: 'much'")
})

test("durations and booleans are Go's", () => {
  expect([goDuration("1s"), goDuration("1m30s"), goDuration("-5ms"), goDuration("0")]).toEqual([1000, 90_000, -5, 0])
  expect(() => goDuration("5")).toThrow('time: invalid duration "5"')
  expect([booleanOption("t"), booleanOption("FALSE")]).toEqual([true, false])
  expect(() => booleanOption("yes")).toThrow('strconv.ParseBool: parsing "yes": invalid syntax')
})

test("a tag is filled in with what it names; what it names in vain is told", () => {
  const facts = {
    id: "0123456789abcdef",
    name: "web",
    imageId: "sha256:0123456789",
    imageName: "busybox",
    created: "2026-01-01T00:00:00Z",
    command: "sh -c x",
  }
  expect(filledTag("{{.ID}}/{{ .Name }}/{{.ImageName}}", facts)).toBe("0123456789ab/web/busybox")
  expect(filledTag("{{upper .Name}} {{json .ImageName}}", facts)).toBe('WEB "busybox"')
  expect(filledTag('{{if eq .Name "web"}}{{printf "%s@%s" .Name (slice .FullID 0 4)}}{{end}}', facts)).toBe("web@0123")
  expect(() => filledTag("{{.Nope}}", facts)).toThrow(
    'template: log-tag:1:2: executing "log-tag" at <.Nope>: can\'t evaluate field Nope in type logger.Info',
  )
})
