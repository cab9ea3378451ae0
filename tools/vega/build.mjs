// Writes ../../src/trueup/report/vega.min.js and the licence notices beside it.
// Run `npm ci && npm run build` in this folder; the result is checked in, so users never need Node.
import { readFileSync, readdirSync, writeFileSync, existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const report = join(here, '..', '..', 'src', 'trueup', 'report');
const versions = JSON.parse(readFileSync(join(here, 'package.json'))).dependencies;

const banner = `/*! Vega ${versions.vega} and vega-interpreter ${versions['vega-interpreter']}, BSD-3-Clause, `
  + 'Copyright (c) 2015-2023, University of Washington Interactive Data Lab; with d3 modules, ISC, '
  + 'Copyright Mike Bostock. Full notices: vega.LICENSES.txt of the trueup package. */';

// vega-runtime compiles expressions with `Function(...)` unless it is given an interpreter. The report always gives
// one, so the compiler goes: a reader of the file can then check that nothing in it makes code from text.
const withoutEval = {
  name: 'without-eval',
  setup(bundler) {
    bundler.onLoad({ filter: /vega-runtime[\\/]build[\\/]vega-runtime\.js$/ }, ({ path }) => ({
      contents: readFileSync(path, 'utf8').replaceAll(' Function(', ' noCompiler(')
        + "\nfunction noCompiler() { throw new Error('expressions are interpreted here'); }\n",
      loader: 'js',
    }));
  },
};

const result = await build({
  absWorkingDir: here,
  entryPoints: ['entry.js'],
  bundle: true,
  minify: true,
  format: 'iife',
  target: ['es2020'],
  charset: 'utf8',
  legalComments: 'none',
  metafile: true,
  alias: Object.fromEntries(
    ['d3-dsv', 'topojson-client', 'd3-geo'].map((name) => [name, './nothing.js'])),
  plugins: [withoutEval],
  banner: { js: banner },
  write: false,
});

const code = result.outputFiles[0].text;
for (const forbidden of [/<\/script/i, /<!--/, /\beval\(/, /\bFunction\(/]) {
  if (forbidden.test(code)) throw new Error(`the bundle contains ${forbidden}: it cannot stand inside a page`);
}
writeFileSync(join(report, 'vega.min.js'), code);

const used = new Set(Object.keys(result.metafile.inputs)
  .map((path) => path.match(/node_modules\/((?:@[^/]+\/)?[^/]+)/)?.[1])
  .filter(Boolean));
const notices = [...used].sort().map((name) => {
  const folder = join(here, 'node_modules', name);
  const { version, license } = JSON.parse(readFileSync(join(folder, 'package.json')));
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  const text = file && existsSync(join(folder, file)) ? readFileSync(join(folder, file), 'utf8') : '';
  return { title: `${name} ${version} (${license})`, text: text.trim() };
});
const byText = notices.reduce(
  (map, notice) => map.set(notice.text, [...(map.get(notice.text) ?? []), notice]), new Map());
const pages = [...byText].map(([text, group]) => `${group.map((n) => n.title).join('\n')}\n\n${text}`);
writeFileSync(join(report, 'vega.LICENSES.txt'), pages.join(`\n\n${'-'.repeat(78)}\n\n`) + '\n');
