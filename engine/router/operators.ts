/**
 * The ONNX operators a router may be made of: those of MLPs, small CNNs and transformer encoders
 * that onnxruntime has WebGPU kernels for. What makes sizes out of values without a bound (`Tile`,
 * `Range`), runs graphs within graphs or draws at random is not among them.
 */
export const OPERATORS: ReadonlySet<string> = new Set([
  // element by element
  ...["Abs", "Add", "And", "Cast", "Ceil", "Clip", "Cos", "Div", "Elu", "Equal", "Erf", "Exp"],
  ...["Floor", "Gelu", "Greater", "GreaterOrEqual", "HardSigmoid", "HardSwish", "Identity"],
  ...["LeakyRelu", "Less", "LessOrEqual", "Log", "Max", "Min", "Mul", "Neg", "Not", "Or", "Pow"],
  ...["Reciprocal", "Relu", "Sigmoid", "Sin", "Softplus", "Sqrt", "Sub", "Tanh", "Where"],
  // products
  ...["Conv", "Einsum", "Gemm", "MatMul"],
  // over an axis
  ...["AveragePool", "BatchNormalization", "GlobalAveragePool", "GlobalMaxPool"],
  ...[
    "CumSum",
    "InstanceNormalization",
    "LayerNormalization",
    "LogSoftmax",
    "LpNormalization",
    "MaxPool",
  ],
  ...["RMSNormalization", "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax"],
  ...["ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare", "Softmax"],
  // shapes and places
  ...["Concat", "Constant", "ConstantOfShape", "Dropout", "Expand", "Flatten", "Gather"],
  ...["GatherElements", "Reshape", "Shape", "Slice", "Split", "Squeeze", "Transpose", "Unsqueeze"],
]);
