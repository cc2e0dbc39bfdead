import { expect, test } from "bun:test"
import { ExecutionError } from "./execute.ts"
import { TemplateError } from "./lex.ts"
import { Template } from "./template.ts"
import { fromJson, Struct, Subject, type Value } from "./value.ts"

const data = fromJson({
  S: "web",
  N: "",
  A: ["x", "y", "z"],
  M: { k: "v", a: "b" },
  E: [],
  Z: null,
  T: true,
  F: false,
  D: { P: { "80/tcp": [{ HostPort: "8080" }], "90/tcp": null }, L: { "10": "t", "2": "u" } },
  html: "<a&b>",
})

const show = (template: string, value: Value = data) => new Template(template).execute(value, { untyped: true })

function failure(template: string, value: Value = data): string {
  try {
    show(template, value)
  } catch (error) {
    if (error instanceof TemplateError) return error.message
    throw error
  }
  throw new Error(`${template} did not fail`)
}

const printed: readonly (readonly [string, string])[] = [
  ["{{.S}} {{.Foo}} {{.Foo.Bar}} {{.Z}}", "web <no value> <no value> <no value>"],
  ["{{.A}} {{.M}} {{.T}} {{.D.L}}", "[x y z] map[a:b k:v] true map[10:t 2:u]"],
  ["{{json .A}} {{json .D.L}} {{json .html}} {{json nil}}", '["x","y","z"] {"10":"t","2":"u"} "<a&b>" null'],
  ["{{range .A}}{{.}},{{end}}", "x,y,z,"],
  ["{{range $k, $v := .M}}{{$k}}={{$v}} {{end}}", "a=b k=v "],
  ["{{range .E}}x{{else}}empty{{end}} {{range .Z}}x{{else}}none{{end}} {{range 3}}{{.}}{{end}}", "empty none 012"],
  ['{{range .A}}{{if eq . "y"}}{{continue}}{{end}}{{.}}{{end}}', "xz"],
  ['{{range .A}}{{if eq . "y"}}{{break}}{{end}}{{.}}{{end}}', "x"],
  ["{{if .F}}a{{else if .S}}b{{else}}c{{end}} {{with .N}}a{{else with .S}}{{.}}{{end}}", "b web"],
  ["{{$x := 1}}{{if true}}{{$x = 2}}{{end}}{{$x}}", "2"],
  ["a  {{- .S -}}  b {{- /* c */}}", "aweb" + "b"],
  ['{{index .M "k"}} {{index .A 1}} {{index .D.P "80/tcp" 0 "HostPort"}}', "v y 8080"],
  ["{{range $p, $c := .D.P}}{{$p}}{{with $c}}>{{(index . 0).HostPort}}{{end}} {{end}}", "80/tcp>8080 90/tcp "],
  ["{{len .A}} {{len .M}} {{len .S}}", "3 2 3"],
  [
    '{{printf "%s-%d-%v-%q-%5s|%-5s|%05d|%x|%t|%%" .S 3 .A .S "a" "b" 42 255 true}}',
    'web-3-[x y z]-"web"-    a|b    |00042|ff|true|%',
  ],
  [
    '{{printf "%d" "x"}} {{printf "%s %s" "a"}} {{printf "%s" "a" "b"}}',
    "%!d(string=x) a %!s(MISSING) a%!(EXTRA string=b)",
  ],
  ['{{printf "%.2f %.3s" 3.14159 "abcdef"}}', "3.14 abc"],
  ['{{print 1 2 "a" "b" true}} {{println "x" 1}}', "1 2ab" + "true x 1\n"],
  [
    '{{eq 1 1}} {{eq "a" "b" "a"}} {{ne 1 2}} {{lt 1 2}} {{le 2 2}} {{gt 3 2}} {{ge 1 2}}',
    "true true true true true true false",
  ],
  ['{{and 1 0 2}} {{or 0 "" "x"}} {{not 0}} {{or .T (index .A 99)}}', "0 x true true"],
  ['{{.S | upper | printf "%s!"}} {{join (split "a,b" ",") "-"}} {{title "a bc"}} {{lower "X"}}', "WEB! a-b A Bc x"],
  ['{{join .A "-"}} {{join .M ","}} {{join .E ","}}{{join nil ","}}', "x-y-z b,v "],
  ['{{pad "x" 1 2}}| {{truncate "abcdef" 3}} {{truncate "ab" 3}} {{slice .S 1 2}}', " x  | abc ab e"],
  ['{{define "t"}}[{{.}}]{{end}}{{template "t" .S}}{{block "b" .S}}<{{.}}>{{end}}', "[web]<web>"],
  [
    "{{'a'}} {{1_000}} {{0x1F}} {{1.5}} {{-5}} {{1.5e-7}} {{`r\\n`}} {{\"\\u00e9\"}}",
    "97 1000 31 1.5 -5 1.5e-07 r\\n é",
  ],
]

for (const [template, expected] of printed)
  test(`${template} prints ${JSON.stringify(expected)}`, () => expect(show(template)).toBe(expected))

const failing: readonly (readonly [string, string])[] = [
  ["{{.S", "template: :1: unclosed action"],
  ["a\n{{if .T}}", "template: :2: unexpected EOF"],
  ["{{end}}", "template: :1: unexpected {{end}}"],
  ["{{}}", "template: :1: missing value for command"],
  ["{{foo}}", 'template: :1: function "foo" not defined'],
  ["{{$y}}", 'template: :1: undefined variable "$y"'],
  ['{{"abc}}', "template: :1: unterminated quoted string"],
  ["{{(.S}}", "template: :1: unclosed left paren"],
  ["{{/* c", "template: :1: unclosed comment"],
  ["{{break}}", "template: :1: {{break}} outside {{range}}"],
  ["{{.S.Bar}}", `template: :1:4: executing "" at <.S.Bar>: can't evaluate field Bar in type interface {}`],
  ["{{.Z.x}}", 'template: :1:4: executing "" at <.Z.x>: nil pointer evaluating interface {}.x'],
  ["x\n{{.S 1}}", 'template: :2:2: executing "" at <.S>: S is not a method but has arguments'],
  ["{{nil}}", 'template: :1:2: executing "" at <nil>: nil is not a command'],
  ["{{index .A 7}}", 'template: :1:2: executing "" at <index .A 7>: error calling index: index out of range: 7'],
  [
    '{{index .A "x"}}',
    'template: :1:2: executing "" at <index .A "x">: error calling index: cannot index slice/array with type string',
  ],
  ["{{len 1 2}}", 'template: :1:2: executing "" at <len>: wrong number of args for len: want 1 got 2'],
  [
    '{{eq 1 "a"}}',
    'template: :1:2: executing "" at <eq 1 "a">: error calling eq: incompatible types for comparison: int and string',
  ],
  [
    '{{join "x" ","}}',
    'template: :1:2: executing "" at <join "x" ",">: error calling join: expected slice, got string',
  ],
  ["{{upper true}}", 'template: :1:8: executing "" at <true>: expected string; found true'],
  ["{{range .S}}x{{end}}", `template: :1:8: executing "" at <.S>: range can't iterate over web`],
  ['{{template "none"}}', 'template: :1:11: executing "" at <{{template "none"}}>: template "none" not defined'],
]

for (const [template, expected] of failing)
  test(`${JSON.stringify(template)} fails with: ${expected}`, () => expect(failure(template)).toBe(expected))

test("an absent key fails where maps must have every key", () => {
  const template = new Template("a{{.Foo}}")
  const attempt = () => template.execute(data, { missingKey: "error" })
  expect(attempt).toThrow('template: :1:3: executing "" at <.Foo>: map has no entry for key "Foo"')
  try {
    attempt()
  } catch (error) {
    expect(error).toBeInstanceOf(ExecutionError)
    expect((error as ExecutionError).partial).toBe("a")
  }
})

test("a subject's methods are called when they are asked for, take arguments, and are named in errors", () => {
  const asked: string[] = []
  const subject = new Subject("*formatter.ContainerContext", {
    ID: () => {
      asked.push("ID")
      return "a>b"
    },
    Size: () => {
      asked.push("Size")
      return "1B"
    },
    Label: { parameters: 1, invoke: (name) => `<${name}>` },
  })
  expect(show('{{.ID}} {{.Label "x"}}', subject)).toBe("a>b <x>")
  expect(asked).toEqual(["ID"])
  expect(show("{{json .}}", subject)).toBe('{"ID":"a\\u003eb","Size":"1B"}')
  expect(failure("{{.Foo}}", subject)).toBe(
    `template: :1:2: executing "" at <.Foo>: can't evaluate field Foo in type *formatter.ContainerContext`,
  )
  expect(failure("{{.ID 1}}", subject)).toContain("wrong number of args for ID: want 0 got 1")
})

test("a struct prints its fields in order and has zero values for what was left out", () => {
  const struct = new Struct(
    new Map<string, Value>([
      ["b", 1],
      ["a", ["x"]],
    ]),
    { absent: (name) => (name === "Health" ? { value: null } : undefined) },
  )
  const typed = (template: string) => new Template(template).execute(struct)
  expect(typed("{{.}} {{.a}} {{json .}} {{.Health}}")).toBe('{1 [x]} [x] {"b":1,"a":["x"]} <nil>')
  expect(() => typed("{{.Health.Status}}")).toThrow("nil pointer evaluating interface {}.Status")
})
