;;$ wadjet
;;$ wadjet --version
;;$ wadjet app.wasm
;;$ wadjet objdumb %
;;$ wadjet objdump %
;;$ wadjet validate
;;$ wadjet run --max-memory lots %
;;$ wadjet run --timeout never %
;;$ wadjet run --dir not-there %
;;$ wadjet run --env =1 %
;;$ wadjet run --invoke other %
;;$ wadjet run --invoke add 1 %
;;$ wadjet run %
;;$ wadjet print --features nonsense %
(module
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))
;;$ wadjet
;;| usage: wadjet COMMAND [OPTION…] [ARGUMENT…]
;;|
;;| WebAssembly for Python.
;;|
;;| commands:
;;|   run        run a program
;;|   serve      serve an HTTP component
;;|   validate   check whether modules are valid
;;|   parse      translate text to binary
;;|   print      translate binary to text
;;|   objdump    show what is in a module
;;|   compile    compile a module ahead of time
;;|   strip      remove custom sections
;;|   component  components and WIT: look at them, make them
;;|   compose    put components together as a WAC document says
;;|   plug       give a component what others export
;;|   virt       take parts of the world away from a component
;;|   bindgen    make a typed Python module of a world
;;|   wast       run .wast scripts and count
;;|   doctor     tell what this machine supports
;;|
;;| `wadjet COMMAND --help` tells more, `wadjet --version` the version.
;;= 2
;;$ wadjet --version
;;| wadjet 0.1.0
;;$ wadjet app.wasm
;;! wadjet: error: app.wasm is a file, not a command: did you mean `wadjet run app.wasm`?
;;= 2
;;$ wadjet objdumb %
;;! wadjet: error: unknown command objdumb: did you mean objdump?
;;= 2
;;$ wadjet objdump %
;;! wadjet: error: say what to show: -h, -x, -d, -s or --json
;;= 2
;;$ wadjet validate
;;! wadjet: error: the following arguments are required: FILE (see `wadjet validate --help`)
;;= 2
;;$ wadjet run --max-memory lots %
;;! wadjet: error: argument --max-memory: 'lots' is no size; 1000000, 64MiB and 2G are (see `wadjet run --help`)
;;= 2
;;$ wadjet run --timeout never %
;;! wadjet: error: argument --timeout: 'never' is no number of seconds (see `wadjet run --help`)
;;= 2
;;$ wadjet run --dir not-there %
;;! wadjet: error: argument --dir: not-there is no directory (see `wadjet run --help`)
;;= 2
;;$ wadjet run --env =1 %
;;! wadjet: error: --env: '=1' names no variable
;;= 2
;;$ wadjet run --invoke other %
;;! wadjet: error: input.wat: exports no function other
;;= 2
;;$ wadjet run --invoke add 1 %
;;! wadjet: error: 1: No such file or directory
;;= 1
;;$ wadjet run %
;;! wadjet: error: input.wat: nothing to run: it exports no function _start; try --invoke NAME (functions it exports: add)
;;= 1
;;$ wadjet print --features nonsense %
;;! wadjet: error: unknown feature 'nonsense'; known are bulk-memory, compact-imports, custom-descriptors, custom-page-sizes, deterministic, exceptions, extended-const, function-references, gc, legacy-exceptions, memory64, multi-memory, multi-value, mutable-globals, mvp, reference-types, relaxed-dead-code, relaxed-simd, rounding-variants, saturating-float-to-int, shared-everything-threads, sign-extension, simd, stack-switching, tail-call, threads, wide-arithmetic
;;= 2
