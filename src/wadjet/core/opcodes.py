"""The one list of instructions in the house: every row of WebAssembly 3.0 and its proposals.

    code · mnemonic · immediates · stack effect · feature · anchor in the standard

* code: one byte, or `prefix:number` (the number is a LEB128 u32 in the binary).
* immediates, in binary order: `-` none · an index kind (`func table mem global local type label
  tag data elem field`) · `labels` (br_table) · `block` (blocktype) · `types` (select) · `catches`
  (try_table) · `handlers` (resume) · `i32 i64 f32 f64 v128` constants · `memarg/N` (natural
  alignment N bytes) · `lane/N` (index below N) · `lanes` (16 of them) · `ref`, `refnull` (a heap
  type, making a non-null or nullable reference type) · `cast` (flags, label, two heap types) ·
  `u32` · `fence` (a zero byte) · `order`, `orders` (an ordering, or the same for reading and for
  writing).
* stack effect: operands `->` results, top of stack last. `at` is the address type of the memory or
  table that the immediate names. `!` says that the effect depends on more than the row: there is a
  rule for it in `wadjet.core.validate.rules`.

Everything else in the house (decoder, encoder, text, validator, interpreter, compiler) indexes by
these rows. `op` is the id of a row: 512 × group + number, where the groups are the one-byte codes
and the prefixes 0xFB, 0xFC, 0xFD, 0xFE in this order. Ids are stable; row order carries no meaning.
"""

from typing import Final, final

from wadjet.core.types import (
    ARRAYREF, F32, F64, I31, I31REF, I32, I64, V128, ValType, ref,
)  # fmt: skip

GROUP: Final = 512
#: prefix byte → first op id of its group
PREFIXES: Final[dict[int, int]] = {0xFB: 512, 0xFC: 1024, 0xFD: 1536, 0xFE: 2048}

_TABLE: Final = """
0x00      unreachable                          -                !                        mvp                      exec-unreachable
0x01      nop                                  -                ->                       mvp                      exec-nop
0x02      block                                block            !                        mvp                      exec-block
0x03      loop                                 block            !                        mvp                      exec-loop
0x04      if                                   block            !                        mvp                      exec-if
0x05      else                                 -                !                        mvp                      exec-else
0x06      try                                  block            !                        legacy-exceptions        exec-try
0x07      catch                                tag              !                        legacy-exceptions        exec-catch
0x08      throw                                tag              !                        exceptions               exec-throw
0x09      rethrow                              label            !                        legacy-exceptions        exec-rethrow
0x0A      throw_ref                            -                !                        exceptions               exec-throw-ref
0x0B      end                                  -                !                        mvp                      exec-end
0x0C      br                                   label            !                        mvp                      exec-br
0x0D      br_if                                label            !                        mvp                      exec-br-if
0x0E      br_table                             labels           !                        mvp                      exec-br-table
0x0F      return                               -                !                        mvp                      exec-return
0x10      call                                 func             !                        mvp                      exec-call
0x11      call_indirect                        type table       !                        mvp                      exec-call-indirect
0x12      return_call                          func             !                        tail-call                exec-return-call
0x13      return_call_indirect                 type table       !                        tail-call                exec-return-call-indirect
0x14      call_ref                             type             !                        function-references      exec-call-ref
0x15      return_call_ref                      type             !                        function-references      exec-return-call-ref
0x18      delegate                             label            !                        legacy-exceptions        exec-delegate
0x19      catch_all                            -                !                        legacy-exceptions        exec-catch-all
0x1A      drop                                 -                !                        mvp                      exec-drop
0x1B      select                               -                !                        mvp                      exec-select
0x1C      select                               types            !                        reference-types          exec-select
0x1F      try_table                            block catches    !                        exceptions               exec-try-table
0x20      local.get                            local            !                        mvp                      exec-local-get
0x21      local.set                            local            !                        mvp                      exec-local-set
0x22      local.tee                            local            !                        mvp                      exec-local-tee
0x23      global.get                           global           !                        mvp                      exec-global-get
0x24      global.set                           global           !                        mvp                      exec-global-set
0x25      table.get                            table            !                        reference-types          exec-table-get
0x26      table.set                            table            !                        reference-types          exec-table-set
0x28      i32.load                             memarg/4         at -> i32                mvp                      exec-load-val
0x29      i64.load                             memarg/8         at -> i64                mvp                      exec-load-val
0x2A      f32.load                             memarg/4         at -> f32                mvp                      exec-load-val
0x2B      f64.load                             memarg/8         at -> f64                mvp                      exec-load-val
0x2C      i32.load8_s                          memarg/1         at -> i32                mvp                      exec-load-pack
0x2D      i32.load8_u                          memarg/1         at -> i32                mvp                      exec-load-pack
0x2E      i32.load16_s                         memarg/2         at -> i32                mvp                      exec-load-pack
0x2F      i32.load16_u                         memarg/2         at -> i32                mvp                      exec-load-pack
0x30      i64.load8_s                          memarg/1         at -> i64                mvp                      exec-load-pack
0x31      i64.load8_u                          memarg/1         at -> i64                mvp                      exec-load-pack
0x32      i64.load16_s                         memarg/2         at -> i64                mvp                      exec-load-pack
0x33      i64.load16_u                         memarg/2         at -> i64                mvp                      exec-load-pack
0x34      i64.load32_s                         memarg/4         at -> i64                mvp                      exec-load-pack
0x35      i64.load32_u                         memarg/4         at -> i64                mvp                      exec-load-pack
0x36      i32.store                            memarg/4         at i32 ->                mvp                      exec-store-val
0x37      i64.store                            memarg/8         at i64 ->                mvp                      exec-store-val
0x38      f32.store                            memarg/4         at f32 ->                mvp                      exec-store-val
0x39      f64.store                            memarg/8         at f64 ->                mvp                      exec-store-val
0x3A      i32.store8                           memarg/1         at i32 ->                mvp                      exec-store-pack
0x3B      i32.store16                          memarg/2         at i32 ->                mvp                      exec-store-pack
0x3C      i64.store8                           memarg/1         at i64 ->                mvp                      exec-store-pack
0x3D      i64.store16                          memarg/2         at i64 ->                mvp                      exec-store-pack
0x3E      i64.store32                          memarg/4         at i64 ->                mvp                      exec-store-pack
0x3F      memory.size                          mem              -> at                    mvp                      exec-memory-size
0x40      memory.grow                          mem              at -> at                 mvp                      exec-memory-grow
0x41      i32.const                            i32              -> i32                   mvp                      exec-const
0x42      i64.const                            i64              -> i64                   mvp                      exec-const
0x43      f32.const                            f32              -> f32                   mvp                      exec-const
0x44      f64.const                            f64              -> f64                   mvp                      exec-const
0x45      i32.eqz                              -                i32 -> i32               mvp                      op-ieqz
0x46      i32.eq                               -                i32 i32 -> i32           mvp                      op-ieq
0x47      i32.ne                               -                i32 i32 -> i32           mvp                      op-ine
0x48      i32.lt_s                             -                i32 i32 -> i32           mvp                      op-ilt-s
0x49      i32.lt_u                             -                i32 i32 -> i32           mvp                      op-ilt-u
0x4A      i32.gt_s                             -                i32 i32 -> i32           mvp                      op-igt-s
0x4B      i32.gt_u                             -                i32 i32 -> i32           mvp                      op-igt-u
0x4C      i32.le_s                             -                i32 i32 -> i32           mvp                      op-ile-s
0x4D      i32.le_u                             -                i32 i32 -> i32           mvp                      op-ile-u
0x4E      i32.ge_s                             -                i32 i32 -> i32           mvp                      op-ige-s
0x4F      i32.ge_u                             -                i32 i32 -> i32           mvp                      op-ige-u
0x50      i64.eqz                              -                i64 -> i32               mvp                      op-ieqz
0x51      i64.eq                               -                i64 i64 -> i32           mvp                      op-ieq
0x52      i64.ne                               -                i64 i64 -> i32           mvp                      op-ine
0x53      i64.lt_s                             -                i64 i64 -> i32           mvp                      op-ilt-s
0x54      i64.lt_u                             -                i64 i64 -> i32           mvp                      op-ilt-u
0x55      i64.gt_s                             -                i64 i64 -> i32           mvp                      op-igt-s
0x56      i64.gt_u                             -                i64 i64 -> i32           mvp                      op-igt-u
0x57      i64.le_s                             -                i64 i64 -> i32           mvp                      op-ile-s
0x58      i64.le_u                             -                i64 i64 -> i32           mvp                      op-ile-u
0x59      i64.ge_s                             -                i64 i64 -> i32           mvp                      op-ige-s
0x5A      i64.ge_u                             -                i64 i64 -> i32           mvp                      op-ige-u
0x5B      f32.eq                               -                f32 f32 -> i32           mvp                      op-feq
0x5C      f32.ne                               -                f32 f32 -> i32           mvp                      op-fne
0x5D      f32.lt                               -                f32 f32 -> i32           mvp                      op-flt
0x5E      f32.gt                               -                f32 f32 -> i32           mvp                      op-fgt
0x5F      f32.le                               -                f32 f32 -> i32           mvp                      op-fle
0x60      f32.ge                               -                f32 f32 -> i32           mvp                      op-fge
0x61      f64.eq                               -                f64 f64 -> i32           mvp                      op-feq
0x62      f64.ne                               -                f64 f64 -> i32           mvp                      op-fne
0x63      f64.lt                               -                f64 f64 -> i32           mvp                      op-flt
0x64      f64.gt                               -                f64 f64 -> i32           mvp                      op-fgt
0x65      f64.le                               -                f64 f64 -> i32           mvp                      op-fle
0x66      f64.ge                               -                f64 f64 -> i32           mvp                      op-fge
0x67      i32.clz                              -                i32 -> i32               mvp                      op-iclz
0x68      i32.ctz                              -                i32 -> i32               mvp                      op-ictz
0x69      i32.popcnt                           -                i32 -> i32               mvp                      op-ipopcnt
0x6A      i32.add                              -                i32 i32 -> i32           mvp                      op-iadd
0x6B      i32.sub                              -                i32 i32 -> i32           mvp                      op-isub
0x6C      i32.mul                              -                i32 i32 -> i32           mvp                      op-imul
0x6D      i32.div_s                            -                i32 i32 -> i32           mvp                      op-idiv-s
0x6E      i32.div_u                            -                i32 i32 -> i32           mvp                      op-idiv-u
0x6F      i32.rem_s                            -                i32 i32 -> i32           mvp                      op-irem-s
0x70      i32.rem_u                            -                i32 i32 -> i32           mvp                      op-irem-u
0x71      i32.and                              -                i32 i32 -> i32           mvp                      op-iand
0x72      i32.or                               -                i32 i32 -> i32           mvp                      op-ior
0x73      i32.xor                              -                i32 i32 -> i32           mvp                      op-ixor
0x74      i32.shl                              -                i32 i32 -> i32           mvp                      op-ishl
0x75      i32.shr_s                            -                i32 i32 -> i32           mvp                      op-ishr-s
0x76      i32.shr_u                            -                i32 i32 -> i32           mvp                      op-ishr-u
0x77      i32.rotl                             -                i32 i32 -> i32           mvp                      op-irotl
0x78      i32.rotr                             -                i32 i32 -> i32           mvp                      op-irotr
0x79      i64.clz                              -                i64 -> i64               mvp                      op-iclz
0x7A      i64.ctz                              -                i64 -> i64               mvp                      op-ictz
0x7B      i64.popcnt                           -                i64 -> i64               mvp                      op-ipopcnt
0x7C      i64.add                              -                i64 i64 -> i64           mvp                      op-iadd
0x7D      i64.sub                              -                i64 i64 -> i64           mvp                      op-isub
0x7E      i64.mul                              -                i64 i64 -> i64           mvp                      op-imul
0x7F      i64.div_s                            -                i64 i64 -> i64           mvp                      op-idiv-s
0x80      i64.div_u                            -                i64 i64 -> i64           mvp                      op-idiv-u
0x81      i64.rem_s                            -                i64 i64 -> i64           mvp                      op-irem-s
0x82      i64.rem_u                            -                i64 i64 -> i64           mvp                      op-irem-u
0x83      i64.and                              -                i64 i64 -> i64           mvp                      op-iand
0x84      i64.or                               -                i64 i64 -> i64           mvp                      op-ior
0x85      i64.xor                              -                i64 i64 -> i64           mvp                      op-ixor
0x86      i64.shl                              -                i64 i64 -> i64           mvp                      op-ishl
0x87      i64.shr_s                            -                i64 i64 -> i64           mvp                      op-ishr-s
0x88      i64.shr_u                            -                i64 i64 -> i64           mvp                      op-ishr-u
0x89      i64.rotl                             -                i64 i64 -> i64           mvp                      op-irotl
0x8A      i64.rotr                             -                i64 i64 -> i64           mvp                      op-irotr
0x8B      f32.abs                              -                f32 -> f32               mvp                      op-fabs
0x8C      f32.neg                              -                f32 -> f32               mvp                      op-fneg
0x8D      f32.ceil                             -                f32 -> f32               mvp                      op-fceil
0x8E      f32.floor                            -                f32 -> f32               mvp                      op-ffloor
0x8F      f32.trunc                            -                f32 -> f32               mvp                      op-ftrunc
0x90      f32.nearest                          -                f32 -> f32               mvp                      op-fnearest
0x91      f32.sqrt                             -                f32 -> f32               mvp                      op-fsqrt
0x92      f32.add                              -                f32 f32 -> f32           mvp                      op-fadd
0x93      f32.sub                              -                f32 f32 -> f32           mvp                      op-fsub
0x94      f32.mul                              -                f32 f32 -> f32           mvp                      op-fmul
0x95      f32.div                              -                f32 f32 -> f32           mvp                      op-fdiv
0x96      f32.min                              -                f32 f32 -> f32           mvp                      op-fmin
0x97      f32.max                              -                f32 f32 -> f32           mvp                      op-fmax
0x98      f32.copysign                         -                f32 f32 -> f32           mvp                      op-fcopysign
0x99      f64.abs                              -                f64 -> f64               mvp                      op-fabs
0x9A      f64.neg                              -                f64 -> f64               mvp                      op-fneg
0x9B      f64.ceil                             -                f64 -> f64               mvp                      op-fceil
0x9C      f64.floor                            -                f64 -> f64               mvp                      op-ffloor
0x9D      f64.trunc                            -                f64 -> f64               mvp                      op-ftrunc
0x9E      f64.nearest                          -                f64 -> f64               mvp                      op-fnearest
0x9F      f64.sqrt                             -                f64 -> f64               mvp                      op-fsqrt
0xA0      f64.add                              -                f64 f64 -> f64           mvp                      op-fadd
0xA1      f64.sub                              -                f64 f64 -> f64           mvp                      op-fsub
0xA2      f64.mul                              -                f64 f64 -> f64           mvp                      op-fmul
0xA3      f64.div                              -                f64 f64 -> f64           mvp                      op-fdiv
0xA4      f64.min                              -                f64 f64 -> f64           mvp                      op-fmin
0xA5      f64.max                              -                f64 f64 -> f64           mvp                      op-fmax
0xA6      f64.copysign                         -                f64 f64 -> f64           mvp                      op-fcopysign
0xA7      i32.wrap_i64                         -                i64 -> i32               mvp                      op-wrap
0xA8      i32.trunc_f32_s                      -                f32 -> i32               mvp                      op-trunc-s
0xA9      i32.trunc_f32_u                      -                f32 -> i32               mvp                      op-trunc-u
0xAA      i32.trunc_f64_s                      -                f64 -> i32               mvp                      op-trunc-s
0xAB      i32.trunc_f64_u                      -                f64 -> i32               mvp                      op-trunc-u
0xAC      i64.extend_i32_s                     -                i32 -> i64               mvp                      op-extend-s
0xAD      i64.extend_i32_u                     -                i32 -> i64               mvp                      op-extend-u
0xAE      i64.trunc_f32_s                      -                f32 -> i64               mvp                      op-trunc-s
0xAF      i64.trunc_f32_u                      -                f32 -> i64               mvp                      op-trunc-u
0xB0      i64.trunc_f64_s                      -                f64 -> i64               mvp                      op-trunc-s
0xB1      i64.trunc_f64_u                      -                f64 -> i64               mvp                      op-trunc-u
0xB2      f32.convert_i32_s                    -                i32 -> f32               mvp                      op-convert-s
0xB3      f32.convert_i32_u                    -                i32 -> f32               mvp                      op-convert-u
0xB4      f32.convert_i64_s                    -                i64 -> f32               mvp                      op-convert-s
0xB5      f32.convert_i64_u                    -                i64 -> f32               mvp                      op-convert-u
0xB6      f32.demote_f64                       -                f64 -> f32               mvp                      op-demote
0xB7      f64.convert_i32_s                    -                i32 -> f64               mvp                      op-convert-s
0xB8      f64.convert_i32_u                    -                i32 -> f64               mvp                      op-convert-u
0xB9      f64.convert_i64_s                    -                i64 -> f64               mvp                      op-convert-s
0xBA      f64.convert_i64_u                    -                i64 -> f64               mvp                      op-convert-u
0xBB      f64.promote_f32                      -                f32 -> f64               mvp                      op-promote
0xBC      i32.reinterpret_f32                  -                f32 -> i32               mvp                      op-reinterpret
0xBD      i64.reinterpret_f64                  -                f64 -> i64               mvp                      op-reinterpret
0xBE      f32.reinterpret_i32                  -                i32 -> f32               mvp                      op-reinterpret
0xBF      f64.reinterpret_i64                  -                i64 -> f64               mvp                      op-reinterpret
0xC0      i32.extend8_s                        -                i32 -> i32               sign-extension           op-iextendn-s
0xC1      i32.extend16_s                       -                i32 -> i32               sign-extension           op-iextendn-s
0xC2      i64.extend8_s                        -                i64 -> i64               sign-extension           op-iextendn-s
0xC3      i64.extend16_s                       -                i64 -> i64               sign-extension           op-iextendn-s
0xC4      i64.extend32_s                       -                i64 -> i64               sign-extension           op-iextendn-s
0xD0      ref.null                             refnull          !                        reference-types          exec-ref-null
0xD1      ref.is_null                          -                !                        reference-types          exec-ref-is-null
0xD2      ref.func                             func             !                        reference-types          exec-ref-func
0xD3      ref.eq                               -                !                        gc                       exec-ref-eq
0xD4      ref.as_non_null                      -                !                        function-references      exec-ref-as-non-null
0xD5      br_on_null                           label            !                        function-references      exec-br-on-null
0xD6      br_on_non_null                       label            !                        function-references      exec-br-on-non-null
0xE0      cont.new                             type             !                        stack-switching          stack-switching
0xE1      cont.bind                            type type        !                        stack-switching          stack-switching
0xE2      suspend                              tag              !                        stack-switching          stack-switching
0xE3      resume                               type handlers    !                        stack-switching          stack-switching
0xE4      resume_throw                         type tag handlers !                        stack-switching          stack-switching
0xE5      resume_throw_ref                     type handlers    !                        stack-switching          stack-switching
0xE6      switch                               type tag         !                        stack-switching          stack-switching
0xFB:0    struct.new                           type             !                        gc                       exec-struct-new
0xFB:1    struct.new_default                   type             !                        gc                       exec-struct-new-default
0xFB:2    struct.get                           type field       !                        gc                       exec-struct-get
0xFB:3    struct.get_s                         type field       !                        gc                       exec-struct-get-s
0xFB:4    struct.get_u                         type field       !                        gc                       exec-struct-get-u
0xFB:5    struct.set                           type field       !                        gc                       exec-struct-set
0xFB:6    array.new                            type             !                        gc                       exec-array-new
0xFB:7    array.new_default                    type             !                        gc                       exec-array-new-default
0xFB:8    array.new_fixed                      type u32         !                        gc                       exec-array-new-fixed
0xFB:9    array.new_data                       type data        !                        gc                       exec-array-new-data
0xFB:10   array.new_elem                       type elem        !                        gc                       exec-array-new-elem
0xFB:11   array.get                            type             !                        gc                       exec-array-get
0xFB:12   array.get_s                          type             !                        gc                       exec-array-get-s
0xFB:13   array.get_u                          type             !                        gc                       exec-array-get-u
0xFB:14   array.set                            type             !                        gc                       exec-array-set
0xFB:15   array.len                            -                arrayref -> i32          gc                       exec-array-len
0xFB:16   array.fill                           type             !                        gc                       exec-array-fill
0xFB:17   array.copy                           type type        !                        gc                       exec-array-copy
0xFB:18   array.init_data                      type data        !                        gc                       exec-array-init-data
0xFB:19   array.init_elem                      type elem        !                        gc                       exec-array-init-elem
0xFB:20   ref.test                             ref              !                        gc                       exec-ref-test
0xFB:21   ref.test                             refnull          !                        gc                       exec-ref-test
0xFB:22   ref.cast                             ref              !                        gc                       exec-ref-cast
0xFB:23   ref.cast                             refnull          !                        gc                       exec-ref-cast
0xFB:24   br_on_cast                           cast             !                        gc                       exec-br-on-cast
0xFB:25   br_on_cast_fail                      cast             !                        gc                       exec-br-on-cast-fail
0xFB:26   any.convert_extern                   -                !                        gc                       exec-any-convert-extern
0xFB:27   extern.convert_any                   -                !                        gc                       exec-extern-convert-any
0xFB:28   ref.i31                              -                i32 -> ref_i31           gc                       exec-ref-i31
0xFB:29   i31.get_s                            -                i31ref -> i32            gc                       exec-i31-get-s
0xFB:30   i31.get_u                            -                i31ref -> i32            gc                       exec-i31-get-u
0xFB:31   ref.i31_shared                       -                i32 -> ref_i31_shared    shared-everything-threads shared-everything-threads
0xFB:32   struct.new_desc                      type             !                        custom-descriptors       custom-descriptors
0xFB:33   struct.new_default_desc              type             !                        custom-descriptors       custom-descriptors
0xFB:34   ref.get_desc                         type             !                        custom-descriptors       custom-descriptors
0xFB:35   ref.cast_desc_eq                     ref              !                        custom-descriptors       custom-descriptors
0xFB:36   ref.cast_desc_eq                     refnull          !                        custom-descriptors       custom-descriptors
0xFB:37   br_on_cast_desc_eq                   cast             !                        custom-descriptors       custom-descriptors
0xFB:38   br_on_cast_desc_eq_fail              cast             !                        custom-descriptors       custom-descriptors
0xFC:0    i32.trunc_sat_f32_s                  -                f32 -> i32               saturating-float-to-int  op-trunc-sat-s
0xFC:1    i32.trunc_sat_f32_u                  -                f32 -> i32               saturating-float-to-int  op-trunc-sat-u
0xFC:2    i32.trunc_sat_f64_s                  -                f64 -> i32               saturating-float-to-int  op-trunc-sat-s
0xFC:3    i32.trunc_sat_f64_u                  -                f64 -> i32               saturating-float-to-int  op-trunc-sat-u
0xFC:4    i64.trunc_sat_f32_s                  -                f32 -> i64               saturating-float-to-int  op-trunc-sat-s
0xFC:5    i64.trunc_sat_f32_u                  -                f32 -> i64               saturating-float-to-int  op-trunc-sat-u
0xFC:6    i64.trunc_sat_f64_s                  -                f64 -> i64               saturating-float-to-int  op-trunc-sat-s
0xFC:7    i64.trunc_sat_f64_u                  -                f64 -> i64               saturating-float-to-int  op-trunc-sat-u
0xFC:8    memory.init                          data mem         at i32 i32 ->            bulk-memory              exec-memory-init
0xFC:9    data.drop                            data             ->                       bulk-memory              exec-data-drop
0xFC:10   memory.copy                          mem mem          !                        bulk-memory              exec-memory-copy
0xFC:11   memory.fill                          mem              at i32 at ->             bulk-memory              exec-memory-fill
0xFC:12   table.init                           elem table       !                        bulk-memory              exec-table-init
0xFC:13   elem.drop                            elem             ->                       bulk-memory              exec-elem-drop
0xFC:14   table.copy                           table table      !                        bulk-memory              exec-table-copy
0xFC:15   table.grow                           table            !                        reference-types          exec-table-grow
0xFC:16   table.size                           table            -> at                    reference-types          exec-table-size
0xFC:17   table.fill                           table            !                        reference-types          exec-table-fill
0xFC:19   i64.add128                           -                i64 i64 i64 i64 -> i64 i64 wide-arithmetic          wide-arithmetic
0xFC:20   i64.sub128                           -                i64 i64 i64 i64 -> i64 i64 wide-arithmetic          wide-arithmetic
0xFC:21   i64.mul_wide_s                       -                i64 i64 -> i64 i64       wide-arithmetic          wide-arithmetic
0xFC:22   i64.mul_wide_u                       -                i64 i64 -> i64 i64       wide-arithmetic          wide-arithmetic
0xFC:128  f32.sqrt_ceil                        -                f32 -> f32               rounding-variants        rounding-variants
0xFC:129  f32.add_ceil                         -                f32 f32 -> f32           rounding-variants        rounding-variants
0xFC:130  f32.sub_ceil                         -                f32 f32 -> f32           rounding-variants        rounding-variants
0xFC:131  f32.mul_ceil                         -                f32 f32 -> f32           rounding-variants        rounding-variants
0xFC:132  f32.div_ceil                         -                f32 f32 -> f32           rounding-variants        rounding-variants
0xFC:133  f32.convert_ceil_i32_s               -                i32 -> f32               rounding-variants        rounding-variants
0xFC:134  f32.convert_ceil_i32_u               -                i32 -> f32               rounding-variants        rounding-variants
0xFC:135  f32.convert_ceil_i64_s               -                i64 -> f32               rounding-variants        rounding-variants
0xFC:136  f32.convert_ceil_i64_u               -                i64 -> f32               rounding-variants        rounding-variants
0xFC:137  f32.demote_ceil_f64                  -                f64 -> f32               rounding-variants        rounding-variants
0xFC:138  f64.sqrt_ceil                        -                f64 -> f64               rounding-variants        rounding-variants
0xFC:139  f64.add_ceil                         -                f64 f64 -> f64           rounding-variants        rounding-variants
0xFC:140  f64.sub_ceil                         -                f64 f64 -> f64           rounding-variants        rounding-variants
0xFC:141  f64.mul_ceil                         -                f64 f64 -> f64           rounding-variants        rounding-variants
0xFC:142  f64.div_ceil                         -                f64 f64 -> f64           rounding-variants        rounding-variants
0xFC:143  f64.convert_ceil_i32_s               -                i32 -> f64               rounding-variants        rounding-variants
0xFC:144  f64.convert_ceil_i32_u               -                i32 -> f64               rounding-variants        rounding-variants
0xFC:145  f64.convert_ceil_i64_s               -                i64 -> f64               rounding-variants        rounding-variants
0xFC:146  f64.convert_ceil_i64_u               -                i64 -> f64               rounding-variants        rounding-variants
0xFC:147  f64.promote_ceil_f32                 -                f32 -> f64               rounding-variants        rounding-variants
0xFC:148  f32.sqrt_floor                       -                f32 -> f32               rounding-variants        rounding-variants
0xFC:149  f32.add_floor                        -                f32 f32 -> f32           rounding-variants        rounding-variants
0xFC:150  f32.sub_floor                        -                f32 f32 -> f32           rounding-variants        rounding-variants
0xFC:151  f32.mul_floor                        -                f32 f32 -> f32           rounding-variants        rounding-variants
0xFC:152  f32.div_floor                        -                f32 f32 -> f32           rounding-variants        rounding-variants
0xFC:153  f32.convert_floor_i32_s              -                i32 -> f32               rounding-variants        rounding-variants
0xFC:154  f32.convert_floor_i32_u              -                i32 -> f32               rounding-variants        rounding-variants
0xFC:155  f32.convert_floor_i64_s              -                i64 -> f32               rounding-variants        rounding-variants
0xFC:156  f32.convert_floor_i64_u              -                i64 -> f32               rounding-variants        rounding-variants
0xFC:157  f32.demote_floor_f64                 -                f64 -> f32               rounding-variants        rounding-variants
0xFC:158  f64.sqrt_floor                       -                f64 -> f64               rounding-variants        rounding-variants
0xFC:159  f64.add_floor                        -                f64 f64 -> f64           rounding-variants        rounding-variants
0xFC:160  f64.sub_floor                        -                f64 f64 -> f64           rounding-variants        rounding-variants
0xFC:161  f64.mul_floor                        -                f64 f64 -> f64           rounding-variants        rounding-variants
0xFC:162  f64.div_floor                        -                f64 f64 -> f64           rounding-variants        rounding-variants
0xFC:163  f64.convert_floor_i32_s              -                i32 -> f64               rounding-variants        rounding-variants
0xFC:164  f64.convert_floor_i32_u              -                i32 -> f64               rounding-variants        rounding-variants
0xFC:165  f64.convert_floor_i64_s              -                i64 -> f64               rounding-variants        rounding-variants
0xFC:166  f64.convert_floor_i64_u              -                i64 -> f64               rounding-variants        rounding-variants
0xFC:167  f64.promote_floor_f32                -                f32 -> f64               rounding-variants        rounding-variants
0xFC:168  f32.sqrt_trunc                       -                f32 -> f32               rounding-variants        rounding-variants
0xFC:169  f32.add_trunc                        -                f32 f32 -> f32           rounding-variants        rounding-variants
0xFC:170  f32.sub_trunc                        -                f32 f32 -> f32           rounding-variants        rounding-variants
0xFC:171  f32.mul_trunc                        -                f32 f32 -> f32           rounding-variants        rounding-variants
0xFC:172  f32.div_trunc                        -                f32 f32 -> f32           rounding-variants        rounding-variants
0xFC:173  f32.convert_trunc_i32_s              -                i32 -> f32               rounding-variants        rounding-variants
0xFC:174  f32.convert_trunc_i32_u              -                i32 -> f32               rounding-variants        rounding-variants
0xFC:175  f32.convert_trunc_i64_s              -                i64 -> f32               rounding-variants        rounding-variants
0xFC:176  f32.convert_trunc_i64_u              -                i64 -> f32               rounding-variants        rounding-variants
0xFC:177  f32.demote_trunc_f64                 -                f64 -> f32               rounding-variants        rounding-variants
0xFC:178  f64.sqrt_trunc                       -                f64 -> f64               rounding-variants        rounding-variants
0xFC:179  f64.add_trunc                        -                f64 f64 -> f64           rounding-variants        rounding-variants
0xFC:180  f64.sub_trunc                        -                f64 f64 -> f64           rounding-variants        rounding-variants
0xFC:181  f64.mul_trunc                        -                f64 f64 -> f64           rounding-variants        rounding-variants
0xFC:182  f64.div_trunc                        -                f64 f64 -> f64           rounding-variants        rounding-variants
0xFC:183  f64.convert_trunc_i32_s              -                i32 -> f64               rounding-variants        rounding-variants
0xFC:184  f64.convert_trunc_i32_u              -                i32 -> f64               rounding-variants        rounding-variants
0xFC:185  f64.convert_trunc_i64_s              -                i64 -> f64               rounding-variants        rounding-variants
0xFC:186  f64.convert_trunc_i64_u              -                i64 -> f64               rounding-variants        rounding-variants
0xFC:187  f64.promote_trunc_f32                -                f32 -> f64               rounding-variants        rounding-variants
0xFD:0    v128.load                            memarg/16        at -> v128               simd                     exec-vload-val
0xFD:1    v128.load8x8_s                       memarg/8         at -> v128               simd                     exec-vload-pack
0xFD:2    v128.load8x8_u                       memarg/8         at -> v128               simd                     exec-vload-pack
0xFD:3    v128.load16x4_s                      memarg/8         at -> v128               simd                     exec-vload-pack
0xFD:4    v128.load16x4_u                      memarg/8         at -> v128               simd                     exec-vload-pack
0xFD:5    v128.load32x2_s                      memarg/8         at -> v128               simd                     exec-vload-pack
0xFD:6    v128.load32x2_u                      memarg/8         at -> v128               simd                     exec-vload-pack
0xFD:7    v128.load8_splat                     memarg/1         at -> v128               simd                     exec-vload-splat
0xFD:8    v128.load16_splat                    memarg/2         at -> v128               simd                     exec-vload-splat
0xFD:9    v128.load32_splat                    memarg/4         at -> v128               simd                     exec-vload-splat
0xFD:10   v128.load64_splat                    memarg/8         at -> v128               simd                     exec-vload-splat
0xFD:11   v128.store                           memarg/16        at v128 ->               simd                     exec-vstore
0xFD:12   v128.const                           v128             -> v128                  simd                     exec-vconst
0xFD:13   i8x16.shuffle                        lanes            v128 v128 -> v128        simd                     exec-vshuffle
0xFD:14   i8x16.swizzle                        -                v128 v128 -> v128        simd                     exec-vswizzlop
0xFD:15   i8x16.splat                          -                i32 -> v128              simd                     exec-vsplat
0xFD:16   i16x8.splat                          -                i32 -> v128              simd                     exec-vsplat
0xFD:17   i32x4.splat                          -                i32 -> v128              simd                     exec-vsplat
0xFD:18   i64x2.splat                          -                i64 -> v128              simd                     exec-vsplat
0xFD:19   f32x4.splat                          -                f32 -> v128              simd                     exec-vsplat
0xFD:20   f64x2.splat                          -                f64 -> v128              simd                     exec-vsplat
0xFD:21   i8x16.extract_lane_s                 lane/16          v128 -> i32              simd                     exec-vextract-lane
0xFD:22   i8x16.extract_lane_u                 lane/16          v128 -> i32              simd                     exec-vextract-lane
0xFD:23   i8x16.replace_lane                   lane/16          v128 i32 -> v128         simd                     exec-vreplace-lane
0xFD:24   i16x8.extract_lane_s                 lane/8           v128 -> i32              simd                     exec-vextract-lane
0xFD:25   i16x8.extract_lane_u                 lane/8           v128 -> i32              simd                     exec-vextract-lane
0xFD:26   i16x8.replace_lane                   lane/8           v128 i32 -> v128         simd                     exec-vreplace-lane
0xFD:27   i32x4.extract_lane                   lane/4           v128 -> i32              simd                     exec-vextract-lane
0xFD:28   i32x4.replace_lane                   lane/4           v128 i32 -> v128         simd                     exec-vreplace-lane
0xFD:29   i64x2.extract_lane                   lane/2           v128 -> i64              simd                     exec-vextract-lane
0xFD:30   i64x2.replace_lane                   lane/2           v128 i64 -> v128         simd                     exec-vreplace-lane
0xFD:31   f32x4.extract_lane                   lane/4           v128 -> f32              simd                     exec-vextract-lane
0xFD:32   f32x4.replace_lane                   lane/4           v128 f32 -> v128         simd                     exec-vreplace-lane
0xFD:33   f64x2.extract_lane                   lane/2           v128 -> f64              simd                     exec-vextract-lane
0xFD:34   f64x2.replace_lane                   lane/2           v128 f64 -> v128         simd                     exec-vreplace-lane
0xFD:35   i8x16.eq                             -                v128 v128 -> v128        simd                     op-eq
0xFD:36   i8x16.ne                             -                v128 v128 -> v128        simd                     op-ne
0xFD:37   i8x16.lt_s                           -                v128 v128 -> v128        simd                     op-lt-s
0xFD:38   i8x16.lt_u                           -                v128 v128 -> v128        simd                     op-lt-u
0xFD:39   i8x16.gt_s                           -                v128 v128 -> v128        simd                     op-gt-s
0xFD:40   i8x16.gt_u                           -                v128 v128 -> v128        simd                     op-gt-u
0xFD:41   i8x16.le_s                           -                v128 v128 -> v128        simd                     op-le-s
0xFD:42   i8x16.le_u                           -                v128 v128 -> v128        simd                     op-le-u
0xFD:43   i8x16.ge_s                           -                v128 v128 -> v128        simd                     op-ge-s
0xFD:44   i8x16.ge_u                           -                v128 v128 -> v128        simd                     op-ge-u
0xFD:45   i16x8.eq                             -                v128 v128 -> v128        simd                     op-eq
0xFD:46   i16x8.ne                             -                v128 v128 -> v128        simd                     op-ne
0xFD:47   i16x8.lt_s                           -                v128 v128 -> v128        simd                     op-lt-s
0xFD:48   i16x8.lt_u                           -                v128 v128 -> v128        simd                     op-lt-u
0xFD:49   i16x8.gt_s                           -                v128 v128 -> v128        simd                     op-gt-s
0xFD:50   i16x8.gt_u                           -                v128 v128 -> v128        simd                     op-gt-u
0xFD:51   i16x8.le_s                           -                v128 v128 -> v128        simd                     op-le-s
0xFD:52   i16x8.le_u                           -                v128 v128 -> v128        simd                     op-le-u
0xFD:53   i16x8.ge_s                           -                v128 v128 -> v128        simd                     op-ge-s
0xFD:54   i16x8.ge_u                           -                v128 v128 -> v128        simd                     op-ge-u
0xFD:55   i32x4.eq                             -                v128 v128 -> v128        simd                     op-eq
0xFD:56   i32x4.ne                             -                v128 v128 -> v128        simd                     op-ne
0xFD:57   i32x4.lt_s                           -                v128 v128 -> v128        simd                     op-lt-s
0xFD:58   i32x4.lt_u                           -                v128 v128 -> v128        simd                     op-lt-u
0xFD:59   i32x4.gt_s                           -                v128 v128 -> v128        simd                     op-gt-s
0xFD:60   i32x4.gt_u                           -                v128 v128 -> v128        simd                     op-gt-u
0xFD:61   i32x4.le_s                           -                v128 v128 -> v128        simd                     op-le-s
0xFD:62   i32x4.le_u                           -                v128 v128 -> v128        simd                     op-le-u
0xFD:63   i32x4.ge_s                           -                v128 v128 -> v128        simd                     op-ge-s
0xFD:64   i32x4.ge_u                           -                v128 v128 -> v128        simd                     op-ge-u
0xFD:65   f32x4.eq                             -                v128 v128 -> v128        simd                     op-eq
0xFD:66   f32x4.ne                             -                v128 v128 -> v128        simd                     op-ne
0xFD:67   f32x4.lt                             -                v128 v128 -> v128        simd                     op-lt
0xFD:68   f32x4.gt                             -                v128 v128 -> v128        simd                     op-gt
0xFD:69   f32x4.le                             -                v128 v128 -> v128        simd                     op-le
0xFD:70   f32x4.ge                             -                v128 v128 -> v128        simd                     op-ge
0xFD:71   f64x2.eq                             -                v128 v128 -> v128        simd                     op-eq
0xFD:72   f64x2.ne                             -                v128 v128 -> v128        simd                     op-ne
0xFD:73   f64x2.lt                             -                v128 v128 -> v128        simd                     op-lt
0xFD:74   f64x2.gt                             -                v128 v128 -> v128        simd                     op-gt
0xFD:75   f64x2.le                             -                v128 v128 -> v128        simd                     op-le
0xFD:76   f64x2.ge                             -                v128 v128 -> v128        simd                     op-ge
0xFD:77   v128.not                             -                v128 -> v128             simd                     op-not
0xFD:78   v128.and                             -                v128 v128 -> v128        simd                     op-and
0xFD:79   v128.andnot                          -                v128 v128 -> v128        simd                     op-andnot
0xFD:80   v128.or                              -                v128 v128 -> v128        simd                     op-or
0xFD:81   v128.xor                             -                v128 v128 -> v128        simd                     op-xor
0xFD:82   v128.bitselect                       -                v128 v128 v128 -> v128   simd                     op-bitselect
0xFD:83   v128.any_true                        -                v128 -> i32              simd                     op-any-true
0xFD:84   v128.load8_lane                      memarg/1 lane/16 at v128 -> v128          simd                     exec-vload-lane
0xFD:88   v128.store8_lane                     memarg/1 lane/16 at v128 ->               simd                     exec-vstore-lane
0xFD:85   v128.load16_lane                     memarg/2 lane/8  at v128 -> v128          simd                     exec-vload-lane
0xFD:89   v128.store16_lane                    memarg/2 lane/8  at v128 ->               simd                     exec-vstore-lane
0xFD:86   v128.load32_lane                     memarg/4 lane/4  at v128 -> v128          simd                     exec-vload-lane
0xFD:90   v128.store32_lane                    memarg/4 lane/4  at v128 ->               simd                     exec-vstore-lane
0xFD:87   v128.load64_lane                     memarg/8 lane/2  at v128 -> v128          simd                     exec-vload-lane
0xFD:91   v128.store64_lane                    memarg/8 lane/2  at v128 ->               simd                     exec-vstore-lane
0xFD:92   v128.load32_zero                     memarg/4         at -> v128               simd                     exec-vload-zero
0xFD:93   v128.load64_zero                     memarg/8         at -> v128               simd                     exec-vload-zero
0xFD:94   f32x4.demote_f64x2_zero              -                v128 -> v128             simd                     op-demote-f64x2-zero
0xFD:95   f64x2.promote_low_f32x4              -                v128 -> v128             simd                     op-promote-low-f32x4
0xFD:96   i8x16.abs                            -                v128 -> v128             simd                     op-abs
0xFD:97   i8x16.neg                            -                v128 -> v128             simd                     op-neg
0xFD:98   i8x16.popcnt                         -                v128 -> v128             simd                     op-popcnt
0xFD:99   i8x16.all_true                       -                v128 -> i32              simd                     op-all-true
0xFD:100  i8x16.bitmask                        -                v128 -> i32              simd                     op-bitmask
0xFD:101  i8x16.narrow_i16x8_s                 -                v128 v128 -> v128        simd                     op-narrow-i16x8-s
0xFD:102  i8x16.narrow_i16x8_u                 -                v128 v128 -> v128        simd                     op-narrow-i16x8-u
0xFD:103  f32x4.ceil                           -                v128 -> v128             simd                     op-ceil
0xFD:104  f32x4.floor                          -                v128 -> v128             simd                     op-floor
0xFD:105  f32x4.trunc                          -                v128 -> v128             simd                     op-trunc
0xFD:106  f32x4.nearest                        -                v128 -> v128             simd                     op-nearest
0xFD:107  i8x16.shl                            -                v128 i32 -> v128         simd                     op-shl
0xFD:108  i8x16.shr_s                          -                v128 i32 -> v128         simd                     op-shr-s
0xFD:109  i8x16.shr_u                          -                v128 i32 -> v128         simd                     op-shr-u
0xFD:110  i8x16.add                            -                v128 v128 -> v128        simd                     op-add
0xFD:111  i8x16.add_sat_s                      -                v128 v128 -> v128        simd                     op-add-sat-s
0xFD:112  i8x16.add_sat_u                      -                v128 v128 -> v128        simd                     op-add-sat-u
0xFD:113  i8x16.sub                            -                v128 v128 -> v128        simd                     op-sub
0xFD:114  i8x16.sub_sat_s                      -                v128 v128 -> v128        simd                     op-sub-sat-s
0xFD:115  i8x16.sub_sat_u                      -                v128 v128 -> v128        simd                     op-sub-sat-u
0xFD:116  f64x2.ceil                           -                v128 -> v128             simd                     op-ceil
0xFD:117  f64x2.floor                          -                v128 -> v128             simd                     op-floor
0xFD:118  i8x16.min_s                          -                v128 v128 -> v128        simd                     op-min-s
0xFD:119  i8x16.min_u                          -                v128 v128 -> v128        simd                     op-min-u
0xFD:120  i8x16.max_s                          -                v128 v128 -> v128        simd                     op-max-s
0xFD:121  i8x16.max_u                          -                v128 v128 -> v128        simd                     op-max-u
0xFD:122  f64x2.trunc                          -                v128 -> v128             simd                     op-trunc
0xFD:123  i8x16.avgr_u                         -                v128 v128 -> v128        simd                     op-avgr-u
0xFD:124  i16x8.extadd_pairwise_i8x16_s        -                v128 -> v128             simd                     op-extadd-pairwise-i8x16-s
0xFD:125  i16x8.extadd_pairwise_i8x16_u        -                v128 -> v128             simd                     op-extadd-pairwise-i8x16-u
0xFD:126  i32x4.extadd_pairwise_i16x8_s        -                v128 -> v128             simd                     op-extadd-pairwise-i16x8-s
0xFD:127  i32x4.extadd_pairwise_i16x8_u        -                v128 -> v128             simd                     op-extadd-pairwise-i16x8-u
0xFD:128  i16x8.abs                            -                v128 -> v128             simd                     op-abs
0xFD:129  i16x8.neg                            -                v128 -> v128             simd                     op-neg
0xFD:130  i16x8.q15mulr_sat_s                  -                v128 v128 -> v128        simd                     op-q15mulr-sat-s
0xFD:131  i16x8.all_true                       -                v128 -> i32              simd                     op-all-true
0xFD:132  i16x8.bitmask                        -                v128 -> i32              simd                     op-bitmask
0xFD:133  i16x8.narrow_i32x4_s                 -                v128 v128 -> v128        simd                     op-narrow-i32x4-s
0xFD:134  i16x8.narrow_i32x4_u                 -                v128 v128 -> v128        simd                     op-narrow-i32x4-u
0xFD:135  i16x8.extend_low_i8x16_s             -                v128 -> v128             simd                     op-extend-low-i8x16-s
0xFD:136  i16x8.extend_high_i8x16_s            -                v128 -> v128             simd                     op-extend-high-i8x16-s
0xFD:137  i16x8.extend_low_i8x16_u             -                v128 -> v128             simd                     op-extend-low-i8x16-u
0xFD:138  i16x8.extend_high_i8x16_u            -                v128 -> v128             simd                     op-extend-high-i8x16-u
0xFD:139  i16x8.shl                            -                v128 i32 -> v128         simd                     op-shl
0xFD:140  i16x8.shr_s                          -                v128 i32 -> v128         simd                     op-shr-s
0xFD:141  i16x8.shr_u                          -                v128 i32 -> v128         simd                     op-shr-u
0xFD:142  i16x8.add                            -                v128 v128 -> v128        simd                     op-add
0xFD:143  i16x8.add_sat_s                      -                v128 v128 -> v128        simd                     op-add-sat-s
0xFD:144  i16x8.add_sat_u                      -                v128 v128 -> v128        simd                     op-add-sat-u
0xFD:145  i16x8.sub                            -                v128 v128 -> v128        simd                     op-sub
0xFD:146  i16x8.sub_sat_s                      -                v128 v128 -> v128        simd                     op-sub-sat-s
0xFD:147  i16x8.sub_sat_u                      -                v128 v128 -> v128        simd                     op-sub-sat-u
0xFD:148  f64x2.nearest                        -                v128 -> v128             simd                     op-nearest
0xFD:149  i16x8.mul                            -                v128 v128 -> v128        simd                     op-mul
0xFD:150  i16x8.min_s                          -                v128 v128 -> v128        simd                     op-min-s
0xFD:151  i16x8.min_u                          -                v128 v128 -> v128        simd                     op-min-u
0xFD:152  i16x8.max_s                          -                v128 v128 -> v128        simd                     op-max-s
0xFD:153  i16x8.max_u                          -                v128 v128 -> v128        simd                     op-max-u
0xFD:155  i16x8.avgr_u                         -                v128 v128 -> v128        simd                     op-avgr-u
0xFD:156  i16x8.extmul_low_i8x16_s             -                v128 v128 -> v128        simd                     op-extmul-low-i8x16-s
0xFD:157  i16x8.extmul_high_i8x16_s            -                v128 v128 -> v128        simd                     op-extmul-high-i8x16-s
0xFD:158  i16x8.extmul_low_i8x16_u             -                v128 v128 -> v128        simd                     op-extmul-low-i8x16-u
0xFD:159  i16x8.extmul_high_i8x16_u            -                v128 v128 -> v128        simd                     op-extmul-high-i8x16-u
0xFD:160  i32x4.abs                            -                v128 -> v128             simd                     op-abs
0xFD:161  i32x4.neg                            -                v128 -> v128             simd                     op-neg
0xFD:163  i32x4.all_true                       -                v128 -> i32              simd                     op-all-true
0xFD:164  i32x4.bitmask                        -                v128 -> i32              simd                     op-bitmask
0xFD:167  i32x4.extend_low_i16x8_s             -                v128 -> v128             simd                     op-extend-low-i16x8-s
0xFD:168  i32x4.extend_high_i16x8_s            -                v128 -> v128             simd                     op-extend-high-i16x8-s
0xFD:169  i32x4.extend_low_i16x8_u             -                v128 -> v128             simd                     op-extend-low-i16x8-u
0xFD:170  i32x4.extend_high_i16x8_u            -                v128 -> v128             simd                     op-extend-high-i16x8-u
0xFD:171  i32x4.shl                            -                v128 i32 -> v128         simd                     op-shl
0xFD:172  i32x4.shr_s                          -                v128 i32 -> v128         simd                     op-shr-s
0xFD:173  i32x4.shr_u                          -                v128 i32 -> v128         simd                     op-shr-u
0xFD:174  i32x4.add                            -                v128 v128 -> v128        simd                     op-add
0xFD:177  i32x4.sub                            -                v128 v128 -> v128        simd                     op-sub
0xFD:181  i32x4.mul                            -                v128 v128 -> v128        simd                     op-mul
0xFD:182  i32x4.min_s                          -                v128 v128 -> v128        simd                     op-min-s
0xFD:183  i32x4.min_u                          -                v128 v128 -> v128        simd                     op-min-u
0xFD:184  i32x4.max_s                          -                v128 v128 -> v128        simd                     op-max-s
0xFD:185  i32x4.max_u                          -                v128 v128 -> v128        simd                     op-max-u
0xFD:186  i32x4.dot_i16x8_s                    -                v128 v128 -> v128        simd                     op-dot-i16x8-s
0xFD:188  i32x4.extmul_low_i16x8_s             -                v128 v128 -> v128        simd                     op-extmul-low-i16x8-s
0xFD:189  i32x4.extmul_high_i16x8_s            -                v128 v128 -> v128        simd                     op-extmul-high-i16x8-s
0xFD:190  i32x4.extmul_low_i16x8_u             -                v128 v128 -> v128        simd                     op-extmul-low-i16x8-u
0xFD:191  i32x4.extmul_high_i16x8_u            -                v128 v128 -> v128        simd                     op-extmul-high-i16x8-u
0xFD:192  i64x2.abs                            -                v128 -> v128             simd                     op-abs
0xFD:193  i64x2.neg                            -                v128 -> v128             simd                     op-neg
0xFD:195  i64x2.all_true                       -                v128 -> i32              simd                     op-all-true
0xFD:196  i64x2.bitmask                        -                v128 -> i32              simd                     op-bitmask
0xFD:199  i64x2.extend_low_i32x4_s             -                v128 -> v128             simd                     op-extend-low-i32x4-s
0xFD:200  i64x2.extend_high_i32x4_s            -                v128 -> v128             simd                     op-extend-high-i32x4-s
0xFD:201  i64x2.extend_low_i32x4_u             -                v128 -> v128             simd                     op-extend-low-i32x4-u
0xFD:202  i64x2.extend_high_i32x4_u            -                v128 -> v128             simd                     op-extend-high-i32x4-u
0xFD:203  i64x2.shl                            -                v128 i32 -> v128         simd                     op-shl
0xFD:204  i64x2.shr_s                          -                v128 i32 -> v128         simd                     op-shr-s
0xFD:205  i64x2.shr_u                          -                v128 i32 -> v128         simd                     op-shr-u
0xFD:206  i64x2.add                            -                v128 v128 -> v128        simd                     op-add
0xFD:209  i64x2.sub                            -                v128 v128 -> v128        simd                     op-sub
0xFD:213  i64x2.mul                            -                v128 v128 -> v128        simd                     op-mul
0xFD:214  i64x2.eq                             -                v128 v128 -> v128        simd                     op-eq
0xFD:215  i64x2.ne                             -                v128 v128 -> v128        simd                     op-ne
0xFD:216  i64x2.lt_s                           -                v128 v128 -> v128        simd                     op-lt-s
0xFD:217  i64x2.gt_s                           -                v128 v128 -> v128        simd                     op-gt-s
0xFD:218  i64x2.le_s                           -                v128 v128 -> v128        simd                     op-le-s
0xFD:219  i64x2.ge_s                           -                v128 v128 -> v128        simd                     op-ge-s
0xFD:220  i64x2.extmul_low_i32x4_s             -                v128 v128 -> v128        simd                     op-extmul-low-i32x4-s
0xFD:221  i64x2.extmul_high_i32x4_s            -                v128 v128 -> v128        simd                     op-extmul-high-i32x4-s
0xFD:222  i64x2.extmul_low_i32x4_u             -                v128 v128 -> v128        simd                     op-extmul-low-i32x4-u
0xFD:223  i64x2.extmul_high_i32x4_u            -                v128 v128 -> v128        simd                     op-extmul-high-i32x4-u
0xFD:224  f32x4.abs                            -                v128 -> v128             simd                     op-abs
0xFD:225  f32x4.neg                            -                v128 -> v128             simd                     op-neg
0xFD:227  f32x4.sqrt                           -                v128 -> v128             simd                     op-sqrt
0xFD:228  f32x4.add                            -                v128 v128 -> v128        simd                     op-add
0xFD:229  f32x4.sub                            -                v128 v128 -> v128        simd                     op-sub
0xFD:230  f32x4.mul                            -                v128 v128 -> v128        simd                     op-mul
0xFD:231  f32x4.div                            -                v128 v128 -> v128        simd                     op-div
0xFD:232  f32x4.min                            -                v128 v128 -> v128        simd                     op-min
0xFD:233  f32x4.max                            -                v128 v128 -> v128        simd                     op-max
0xFD:234  f32x4.pmin                           -                v128 v128 -> v128        simd                     op-pmin
0xFD:235  f32x4.pmax                           -                v128 v128 -> v128        simd                     op-pmax
0xFD:236  f64x2.abs                            -                v128 -> v128             simd                     op-abs
0xFD:237  f64x2.neg                            -                v128 -> v128             simd                     op-neg
0xFD:239  f64x2.sqrt                           -                v128 -> v128             simd                     op-sqrt
0xFD:240  f64x2.add                            -                v128 v128 -> v128        simd                     op-add
0xFD:241  f64x2.sub                            -                v128 v128 -> v128        simd                     op-sub
0xFD:242  f64x2.mul                            -                v128 v128 -> v128        simd                     op-mul
0xFD:243  f64x2.div                            -                v128 v128 -> v128        simd                     op-div
0xFD:244  f64x2.min                            -                v128 v128 -> v128        simd                     op-min
0xFD:245  f64x2.max                            -                v128 v128 -> v128        simd                     op-max
0xFD:246  f64x2.pmin                           -                v128 v128 -> v128        simd                     op-pmin
0xFD:247  f64x2.pmax                           -                v128 v128 -> v128        simd                     op-pmax
0xFD:248  i32x4.trunc_sat_f32x4_s              -                v128 -> v128             simd                     op-trunc-sat-f32x4-s
0xFD:249  i32x4.trunc_sat_f32x4_u              -                v128 -> v128             simd                     op-trunc-sat-f32x4-u
0xFD:250  f32x4.convert_i32x4_s                -                v128 -> v128             simd                     op-convert-i32x4-s
0xFD:251  f32x4.convert_i32x4_u                -                v128 -> v128             simd                     op-convert-i32x4-u
0xFD:252  i32x4.trunc_sat_f64x2_s_zero         -                v128 -> v128             simd                     op-trunc-sat-f64x2-s-zero
0xFD:253  i32x4.trunc_sat_f64x2_u_zero         -                v128 -> v128             simd                     op-trunc-sat-f64x2-u-zero
0xFD:254  f64x2.convert_low_i32x4_s            -                v128 -> v128             simd                     op-convert-low-i32x4-s
0xFD:255  f64x2.convert_low_i32x4_u            -                v128 -> v128             simd                     op-convert-low-i32x4-u
0xFD:256  i8x16.relaxed_swizzle                -                v128 v128 -> v128        relaxed-simd             op-relaxed-swizzle
0xFD:257  i32x4.relaxed_trunc_f32x4_s          -                v128 -> v128             relaxed-simd             op-relaxed-trunc-f32x4-s
0xFD:258  i32x4.relaxed_trunc_f32x4_u          -                v128 -> v128             relaxed-simd             op-relaxed-trunc-f32x4-u
0xFD:259  i32x4.relaxed_trunc_f64x2_s_zero     -                v128 -> v128             relaxed-simd             op-relaxed-trunc-f64x2-s-zero
0xFD:260  i32x4.relaxed_trunc_f64x2_u_zero     -                v128 -> v128             relaxed-simd             op-relaxed-trunc-f64x2-u-zero
0xFD:261  f32x4.relaxed_madd                   -                v128 v128 v128 -> v128   relaxed-simd             op-relaxed-madd
0xFD:262  f32x4.relaxed_nmadd                  -                v128 v128 v128 -> v128   relaxed-simd             op-relaxed-nmadd
0xFD:263  f64x2.relaxed_madd                   -                v128 v128 v128 -> v128   relaxed-simd             op-relaxed-madd
0xFD:264  f64x2.relaxed_nmadd                  -                v128 v128 v128 -> v128   relaxed-simd             op-relaxed-nmadd
0xFD:265  i8x16.relaxed_laneselect             -                v128 v128 v128 -> v128   relaxed-simd             op-relaxed-laneselect
0xFD:266  i16x8.relaxed_laneselect             -                v128 v128 v128 -> v128   relaxed-simd             op-relaxed-laneselect
0xFD:267  i32x4.relaxed_laneselect             -                v128 v128 v128 -> v128   relaxed-simd             op-relaxed-laneselect
0xFD:268  i64x2.relaxed_laneselect             -                v128 v128 v128 -> v128   relaxed-simd             op-relaxed-laneselect
0xFD:269  f32x4.relaxed_min                    -                v128 v128 -> v128        relaxed-simd             op-relaxed-min
0xFD:270  f32x4.relaxed_max                    -                v128 v128 -> v128        relaxed-simd             op-relaxed-max
0xFD:271  f64x2.relaxed_min                    -                v128 v128 -> v128        relaxed-simd             op-relaxed-min
0xFD:272  f64x2.relaxed_max                    -                v128 v128 -> v128        relaxed-simd             op-relaxed-max
0xFD:273  i16x8.relaxed_q15mulr_s              -                v128 v128 -> v128        relaxed-simd             op-relaxed-q15mulr-s
0xFD:274  i16x8.relaxed_dot_i8x16_i7x16_s      -                v128 v128 -> v128        relaxed-simd             op-relaxed-dot-i8x16-i7x16-s
0xFD:275  i32x4.relaxed_dot_i8x16_i7x16_add_s  -                v128 v128 v128 -> v128   relaxed-simd             op-relaxed-dot-i8x16-i7x16-add-s
0xFE:0    memory.atomic.notify                 memarg/4         at i32 -> i32            threads                  threads
0xFE:1    memory.atomic.wait32                 memarg/4         at i32 i64 -> i32        threads                  threads
0xFE:2    memory.atomic.wait64                 memarg/8         at i64 i64 -> i32        threads                  threads
0xFE:3    atomic.fence                         fence            ->                       threads                  threads
0xFE:16   i32.atomic.load                      memarg/4         at -> i32                threads                  threads
0xFE:17   i64.atomic.load                      memarg/8         at -> i64                threads                  threads
0xFE:18   i32.atomic.load8_u                   memarg/1         at -> i32                threads                  threads
0xFE:19   i32.atomic.load16_u                  memarg/2         at -> i32                threads                  threads
0xFE:20   i64.atomic.load8_u                   memarg/1         at -> i64                threads                  threads
0xFE:21   i64.atomic.load16_u                  memarg/2         at -> i64                threads                  threads
0xFE:22   i64.atomic.load32_u                  memarg/4         at -> i64                threads                  threads
0xFE:23   i32.atomic.store                     memarg/4         at i32 ->                threads                  threads
0xFE:24   i64.atomic.store                     memarg/8         at i64 ->                threads                  threads
0xFE:25   i32.atomic.store8                    memarg/1         at i32 ->                threads                  threads
0xFE:26   i32.atomic.store16                   memarg/2         at i32 ->                threads                  threads
0xFE:27   i64.atomic.store8                    memarg/1         at i64 ->                threads                  threads
0xFE:28   i64.atomic.store16                   memarg/2         at i64 ->                threads                  threads
0xFE:29   i64.atomic.store32                   memarg/4         at i64 ->                threads                  threads
0xFE:30   i32.atomic.rmw.add                   memarg/4         at i32 -> i32            threads                  threads
0xFE:31   i64.atomic.rmw.add                   memarg/8         at i64 -> i64            threads                  threads
0xFE:32   i32.atomic.rmw8.add_u                memarg/1         at i32 -> i32            threads                  threads
0xFE:33   i32.atomic.rmw16.add_u               memarg/2         at i32 -> i32            threads                  threads
0xFE:34   i64.atomic.rmw8.add_u                memarg/1         at i64 -> i64            threads                  threads
0xFE:35   i64.atomic.rmw16.add_u               memarg/2         at i64 -> i64            threads                  threads
0xFE:36   i64.atomic.rmw32.add_u               memarg/4         at i64 -> i64            threads                  threads
0xFE:37   i32.atomic.rmw.sub                   memarg/4         at i32 -> i32            threads                  threads
0xFE:38   i64.atomic.rmw.sub                   memarg/8         at i64 -> i64            threads                  threads
0xFE:39   i32.atomic.rmw8.sub_u                memarg/1         at i32 -> i32            threads                  threads
0xFE:40   i32.atomic.rmw16.sub_u               memarg/2         at i32 -> i32            threads                  threads
0xFE:41   i64.atomic.rmw8.sub_u                memarg/1         at i64 -> i64            threads                  threads
0xFE:42   i64.atomic.rmw16.sub_u               memarg/2         at i64 -> i64            threads                  threads
0xFE:43   i64.atomic.rmw32.sub_u               memarg/4         at i64 -> i64            threads                  threads
0xFE:44   i32.atomic.rmw.and                   memarg/4         at i32 -> i32            threads                  threads
0xFE:45   i64.atomic.rmw.and                   memarg/8         at i64 -> i64            threads                  threads
0xFE:46   i32.atomic.rmw8.and_u                memarg/1         at i32 -> i32            threads                  threads
0xFE:47   i32.atomic.rmw16.and_u               memarg/2         at i32 -> i32            threads                  threads
0xFE:48   i64.atomic.rmw8.and_u                memarg/1         at i64 -> i64            threads                  threads
0xFE:49   i64.atomic.rmw16.and_u               memarg/2         at i64 -> i64            threads                  threads
0xFE:50   i64.atomic.rmw32.and_u               memarg/4         at i64 -> i64            threads                  threads
0xFE:51   i32.atomic.rmw.or                    memarg/4         at i32 -> i32            threads                  threads
0xFE:52   i64.atomic.rmw.or                    memarg/8         at i64 -> i64            threads                  threads
0xFE:53   i32.atomic.rmw8.or_u                 memarg/1         at i32 -> i32            threads                  threads
0xFE:54   i32.atomic.rmw16.or_u                memarg/2         at i32 -> i32            threads                  threads
0xFE:55   i64.atomic.rmw8.or_u                 memarg/1         at i64 -> i64            threads                  threads
0xFE:56   i64.atomic.rmw16.or_u                memarg/2         at i64 -> i64            threads                  threads
0xFE:57   i64.atomic.rmw32.or_u                memarg/4         at i64 -> i64            threads                  threads
0xFE:58   i32.atomic.rmw.xor                   memarg/4         at i32 -> i32            threads                  threads
0xFE:59   i64.atomic.rmw.xor                   memarg/8         at i64 -> i64            threads                  threads
0xFE:60   i32.atomic.rmw8.xor_u                memarg/1         at i32 -> i32            threads                  threads
0xFE:61   i32.atomic.rmw16.xor_u               memarg/2         at i32 -> i32            threads                  threads
0xFE:62   i64.atomic.rmw8.xor_u                memarg/1         at i64 -> i64            threads                  threads
0xFE:63   i64.atomic.rmw16.xor_u               memarg/2         at i64 -> i64            threads                  threads
0xFE:64   i64.atomic.rmw32.xor_u               memarg/4         at i64 -> i64            threads                  threads
0xFE:65   i32.atomic.rmw.xchg                  memarg/4         at i32 -> i32            threads                  threads
0xFE:66   i64.atomic.rmw.xchg                  memarg/8         at i64 -> i64            threads                  threads
0xFE:67   i32.atomic.rmw8.xchg_u               memarg/1         at i32 -> i32            threads                  threads
0xFE:68   i32.atomic.rmw16.xchg_u              memarg/2         at i32 -> i32            threads                  threads
0xFE:69   i64.atomic.rmw8.xchg_u               memarg/1         at i64 -> i64            threads                  threads
0xFE:70   i64.atomic.rmw16.xchg_u              memarg/2         at i64 -> i64            threads                  threads
0xFE:71   i64.atomic.rmw32.xchg_u              memarg/4         at i64 -> i64            threads                  threads
0xFE:72   i32.atomic.rmw.cmpxchg               memarg/4         at i32 i32 -> i32        threads                  threads
0xFE:73   i64.atomic.rmw.cmpxchg               memarg/8         at i64 i64 -> i64        threads                  threads
0xFE:74   i32.atomic.rmw8.cmpxchg_u            memarg/1         at i32 i32 -> i32        threads                  threads
0xFE:75   i32.atomic.rmw16.cmpxchg_u           memarg/2         at i32 i32 -> i32        threads                  threads
0xFE:76   i64.atomic.rmw8.cmpxchg_u            memarg/1         at i64 i64 -> i64        threads                  threads
0xFE:77   i64.atomic.rmw16.cmpxchg_u           memarg/2         at i64 i64 -> i64        threads                  threads
0xFE:78   i64.atomic.rmw32.cmpxchg_u           memarg/4         at i64 i64 -> i64        threads                  threads
0xFE:79   global.atomic.get                    order global     !                        shared-everything-threads shared-everything-threads
0xFE:80   global.atomic.set                    order global     !                        shared-everything-threads shared-everything-threads
0xFE:81   global.atomic.rmw.add                orders global    !                        shared-everything-threads shared-everything-threads
0xFE:82   global.atomic.rmw.sub                orders global    !                        shared-everything-threads shared-everything-threads
0xFE:83   global.atomic.rmw.and                orders global    !                        shared-everything-threads shared-everything-threads
0xFE:84   global.atomic.rmw.or                 orders global    !                        shared-everything-threads shared-everything-threads
0xFE:85   global.atomic.rmw.xor                orders global    !                        shared-everything-threads shared-everything-threads
0xFE:86   global.atomic.rmw.xchg               orders global    !                        shared-everything-threads shared-everything-threads
0xFE:87   global.atomic.rmw.cmpxchg            orders global    !                        shared-everything-threads shared-everything-threads
0xFE:88   table.atomic.get                     order table      !                        shared-everything-threads shared-everything-threads
0xFE:89   table.atomic.set                     order table      !                        shared-everything-threads shared-everything-threads
0xFE:90   table.atomic.rmw.xchg                orders table     !                        shared-everything-threads shared-everything-threads
0xFE:91   table.atomic.rmw.cmpxchg             orders table     !                        shared-everything-threads shared-everything-threads
0xFE:92   struct.atomic.get                    order type field !                        shared-everything-threads shared-everything-threads
0xFE:93   struct.atomic.get_s                  order type field !                        shared-everything-threads shared-everything-threads
0xFE:94   struct.atomic.get_u                  order type field !                        shared-everything-threads shared-everything-threads
0xFE:95   struct.atomic.set                    order type field !                        shared-everything-threads shared-everything-threads
0xFE:96   struct.atomic.rmw.add                orders type field !                        shared-everything-threads shared-everything-threads
0xFE:97   struct.atomic.rmw.sub                orders type field !                        shared-everything-threads shared-everything-threads
0xFE:98   struct.atomic.rmw.and                orders type field !                        shared-everything-threads shared-everything-threads
0xFE:99   struct.atomic.rmw.or                 orders type field !                        shared-everything-threads shared-everything-threads
0xFE:100  struct.atomic.rmw.xor                orders type field !                        shared-everything-threads shared-everything-threads
0xFE:101  struct.atomic.rmw.xchg               orders type field !                        shared-everything-threads shared-everything-threads
0xFE:102  struct.atomic.rmw.cmpxchg            orders type field !                        shared-everything-threads shared-everything-threads
0xFE:103  array.atomic.get                     order type       !                        shared-everything-threads shared-everything-threads
0xFE:104  array.atomic.get_s                   order type       !                        shared-everything-threads shared-everything-threads
0xFE:105  array.atomic.get_u                   order type       !                        shared-everything-threads shared-everything-threads
0xFE:106  array.atomic.set                     order type       !                        shared-everything-threads shared-everything-threads
0xFE:107  array.atomic.rmw.add                 orders type      !                        shared-everything-threads shared-everything-threads
0xFE:108  array.atomic.rmw.sub                 orders type      !                        shared-everything-threads shared-everything-threads
0xFE:109  array.atomic.rmw.and                 orders type      !                        shared-everything-threads shared-everything-threads
0xFE:110  array.atomic.rmw.or                  orders type      !                        shared-everything-threads shared-everything-threads
0xFE:111  array.atomic.rmw.xor                 orders type      !                        shared-everything-threads shared-everything-threads
0xFE:112  array.atomic.rmw.xchg                orders type      !                        shared-everything-threads shared-everything-threads
0xFE:113  array.atomic.rmw.cmpxchg             orders type      !                        shared-everything-threads shared-everything-threads
"""


@final
class Row:
    """One instruction. `params` and `results` are None where a special rule gives the effect."""

    __slots__ = (
        "anchor", "code", "feature", "immediates", "lanes", "mnemonic",
        "natural", "op", "params", "prefix", "results",
    )  # fmt: skip

    def __init__(self, line: str) -> None:
        code, self.mnemonic, rest = line.split(None, 2)
        middle, self.feature, self.anchor = rest.rsplit(None, 2)
        prefix, _, number = code.partition(":")
        self.prefix = int(prefix, 16) if number else None
        self.code = int(number) if number else int(prefix, 16)
        self.op = self.code + (PREFIXES[self.prefix] if self.prefix is not None else 0)
        shape = _SHAPES.get(middle)
        if shape is None:
            shape = _SHAPES[middle] = _shape(middle.split())
        #: natural alignment of the access in bytes, 0 where there is no memarg; number of lanes the
        #: lane immediate indexes, 0 where there is none
        self.immediates, self.params, self.results, self.natural, self.lanes = shape

    def __repr__(self) -> str:
        return f"<{self.mnemonic} {self.op:#x}>"


#: A value type, or None for `at`: the address type of the memory or table the immediate names.
Effect = tuple[ValType | None, ...]

_TOKENS: Final[dict[str, ValType | None]] = {
    "i32": I32,
    "i64": I64,
    "f32": F32,
    "f64": F64,
    "v128": V128,
    "i31ref": I31REF,
    "ref_i31": ref(False, I31),
    "ref_i31_shared": ref(False, I31, shared=True),
    "arrayref": ARRAYREF,
    "at": None,
}


#: immediates, parameters, results, natural alignment, number of lanes
_Shape = tuple[tuple[str, ...], Effect | None, Effect | None, int, int]
#: by the text between mnemonic and feature: rows that look alike are alike
_SHAPES: Final[dict[str, _Shape]] = {}


def _shape(fields: list[str]) -> _Shape:
    split = _effect_start(fields)
    immediates = tuple([word for word in fields[:split] if word != "-"])
    params, results = _effect(fields[split:])
    natural, lanes = _suffix(immediates, "memarg"), _suffix(immediates, "lane")
    return immediates, params, results, natural, lanes


def _effect_start(fields: list[str]) -> int:
    """Where the stack effect begins: after the immediates, of which `-` stands for none."""
    if "!" in fields:
        return fields.index("!")
    if fields[0] == "-":
        return 1
    count = 1
    while fields[count].partition("/")[0] in _IMMEDIATES and fields[count] not in _TOKENS:
        count += 1
    return count


def _effect(words: list[str]) -> tuple[Effect | None, Effect | None]:
    if words == ["!"]:
        return None, None
    arrow = words.index("->")
    before, after = words[:arrow], words[arrow + 1 :]
    return tuple([_TOKENS[word] for word in before]), tuple([_TOKENS[word] for word in after])


def _suffix(immediates: tuple[str, ...], kind: str) -> int:
    for word in immediates:
        name, _, number = word.partition("/")
        if name == kind:
            return int(number)
    return 0


_IMMEDIATES: Final = frozenset(
    "block labels label func type table mem global tag local data elem field i32 i64 f32 f64 "
    "v128 memarg lane lanes types catches ref refnull cast u32 handlers fence order orders".split()
)

ROWS: Final[tuple[Row, ...]] = tuple(Row(line) for line in _TABLE.strip().splitlines())
#: op id → row, or None where nothing is assigned
BY_OP: Final[list[Row | None]] = [None] * (5 * GROUP)
#: mnemonic → rows (more than one where a binary form was added later: select, ref.test, …)
BY_NAME: Final[dict[str, list[Row]]] = {}
for _row in ROWS:
    BY_OP[_row.op] = _row
    BY_NAME.setdefault(_row.mnemonic, []).append(_row)


def row(op: int) -> Row:
    """The row with this id, which must be assigned."""
    found = BY_OP[op]
    assert found is not None, f"no instruction {op:#x}"
    return found


@final
class Op:
    """Names for the ids that code must tell apart by hand. A test compares them with the rows."""

    UNREACHABLE: Final = 0x000
    NOP: Final = 0x001
    BLOCK: Final = 0x002
    LOOP: Final = 0x003
    IF: Final = 0x004
    ELSE: Final = 0x005
    TRY: Final = 0x006
    CATCH: Final = 0x007
    THROW: Final = 0x008
    RETHROW: Final = 0x009
    THROW_REF: Final = 0x00A
    END: Final = 0x00B
    BR: Final = 0x00C
    BR_IF: Final = 0x00D
    BR_TABLE: Final = 0x00E
    RETURN: Final = 0x00F
    CALL: Final = 0x010
    CALL_INDIRECT: Final = 0x011
    RETURN_CALL: Final = 0x012
    RETURN_CALL_INDIRECT: Final = 0x013
    CALL_REF: Final = 0x014
    RETURN_CALL_REF: Final = 0x015
    DELEGATE: Final = 0x018
    CATCH_ALL: Final = 0x019
    DROP: Final = 0x01A
    SELECT: Final = 0x01B
    SELECT_T: Final = 0x01C
    TRY_TABLE: Final = 0x01F
    LOCAL_GET: Final = 0x020
    LOCAL_SET: Final = 0x021
    LOCAL_TEE: Final = 0x022
    GLOBAL_GET: Final = 0x023
    GLOBAL_SET: Final = 0x024
    TABLE_GET: Final = 0x025
    TABLE_SET: Final = 0x026
    MEMORY_SIZE: Final = 0x03F
    MEMORY_GROW: Final = 0x040
    I32_CONST: Final = 0x041
    I64_CONST: Final = 0x042
    F32_CONST: Final = 0x043
    F64_CONST: Final = 0x044
    I32_ADD: Final = 0x06A
    I32_SUB: Final = 0x06B
    I32_MUL: Final = 0x06C
    I64_ADD: Final = 0x07C
    I64_SUB: Final = 0x07D
    I64_MUL: Final = 0x07E
    REF_NULL: Final = 0x0D0
    REF_IS_NULL: Final = 0x0D1
    REF_FUNC: Final = 0x0D2
    REF_EQ: Final = 0x0D3
    REF_AS_NON_NULL: Final = 0x0D4
    BR_ON_NULL: Final = 0x0D5
    BR_ON_NON_NULL: Final = 0x0D6
    CONT_NEW: Final = 0x0E0
    CONT_BIND: Final = 0x0E1
    SUSPEND: Final = 0x0E2
    RESUME: Final = 0x0E3
    RESUME_THROW: Final = 0x0E4
    RESUME_THROW_REF: Final = 0x0E5
    SWITCH: Final = 0x0E6
    STRUCT_NEW: Final = 0x200
    STRUCT_NEW_DEFAULT: Final = 0x201
    STRUCT_GET: Final = 0x202
    STRUCT_GET_S: Final = 0x203
    STRUCT_GET_U: Final = 0x204
    STRUCT_SET: Final = 0x205
    ARRAY_NEW: Final = 0x206
    ARRAY_NEW_DEFAULT: Final = 0x207
    ARRAY_NEW_FIXED: Final = 0x208
    ARRAY_NEW_DATA: Final = 0x209
    ARRAY_NEW_ELEM: Final = 0x20A
    ARRAY_GET: Final = 0x20B
    ARRAY_GET_S: Final = 0x20C
    ARRAY_GET_U: Final = 0x20D
    ARRAY_SET: Final = 0x20E
    ARRAY_LEN: Final = 0x20F
    ARRAY_FILL: Final = 0x210
    ARRAY_COPY: Final = 0x211
    ARRAY_INIT_DATA: Final = 0x212
    ARRAY_INIT_ELEM: Final = 0x213
    REF_TEST: Final = 0x214
    REF_TEST_NULL: Final = 0x215
    REF_CAST: Final = 0x216
    REF_CAST_NULL: Final = 0x217
    BR_ON_CAST: Final = 0x218
    BR_ON_CAST_FAIL: Final = 0x219
    ANY_CONVERT_EXTERN: Final = 0x21A
    EXTERN_CONVERT_ANY: Final = 0x21B
    REF_I31: Final = 0x21C
    I31_GET_S: Final = 0x21D
    I31_GET_U: Final = 0x21E
    REF_I31_SHARED: Final = 0x21F
    STRUCT_NEW_DESC: Final = 0x220
    STRUCT_NEW_DEFAULT_DESC: Final = 0x221
    REF_GET_DESC: Final = 0x222
    REF_CAST_DESC_EQ: Final = 0x223
    REF_CAST_DESC_EQ_NULL: Final = 0x224
    BR_ON_CAST_DESC_EQ: Final = 0x225
    BR_ON_CAST_DESC_EQ_FAIL: Final = 0x226
    MEMORY_INIT: Final = 0x408
    DATA_DROP: Final = 0x409
    MEMORY_COPY: Final = 0x40A
    MEMORY_FILL: Final = 0x40B
    TABLE_INIT: Final = 0x40C
    ELEM_DROP: Final = 0x40D
    TABLE_COPY: Final = 0x40E
    TABLE_GROW: Final = 0x40F
    TABLE_SIZE: Final = 0x410
    TABLE_FILL: Final = 0x411
    V128_CONST: Final = 0x60C
