// Typesets formulas as notebooks do: KaTeX, strictly, and MathJax with the packages of JupyterLab.
// Reads a JSON list of [formula, whether displayed]; writes a JSON list of what is wrong with each, a list of messages.
const katex = require("katex");
const { mathjax } = require("mathjax-full/js/mathjax.js");
const { TeX } = require("mathjax-full/js/input/tex.js");
const { AllPackages } = require("mathjax-full/js/input/tex/AllPackages.js");
const { STATE } = require("mathjax-full/js/core/MathItem.js");
const { liteAdaptor } = require("mathjax-full/js/adaptors/liteAdaptor.js");
const { RegisterHTMLHandler } = require("mathjax-full/js/handlers/html.js");

let complaints = [];
console.warn = (...words) => complaints.push(words.join(" ")); // KaTeX warns there of signs that it has no metrics for

RegisterHTMLHandler(liteAdaptor());
const without = ["noerrors", "noundefined", "bussproofs"]; // the first two show what is wrong in red; the last one must measure
const InputJax = new TeX({
  packages: AllPackages.filter((name) => !without.includes(name)),
  formatError: (_, error) => { throw error; },
});
const page = mathjax.document("", { InputJax });

const typesetters = {
  KaTeX: (formula, displayMode) => katex.renderToString(formula, { displayMode, strict: "error", throwOnError: true }),
  MathJax: (formula, display) => page.convert(formula, { display, end: STATE.COMPILED }),
};

function wrong(formula, display) {
  complaints = [];
  for (const [name, typeset] of Object.entries(typesetters)) {
    try {
      typeset(formula, display);
    } catch (error) {
      complaints.push(`${name}: ${error.message}`);
    }
  }
  return complaints;
}

const formulas = JSON.parse(require("fs").readFileSync(0, "utf8"));
console.log(JSON.stringify(formulas.map(([formula, display]) => wrong(formula, display))));
