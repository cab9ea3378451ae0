// The parts of Vega that a compiled Vega-Lite chart of the report uses. The whole of `vega` also carries maps,
// force layouts, word clouds and Voronoi cells, which would double the file and are never drawn here.
import { extend } from 'vega-util';
import { transforms } from 'vega-dataflow';
import * as basic from 'vega-transforms';
import * as view from 'vega-view-transforms';
import * as encode from 'vega-encode';
import { View } from 'vega-view';
import { parse } from 'vega-parser';
import { expressionInterpreter } from 'vega-interpreter';
import { boot } from './boot.js';

extend(transforms, basic, view, encode);
boot({ View, parse, expressionInterpreter });
