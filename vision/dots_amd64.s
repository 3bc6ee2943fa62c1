// Products of one query with many rows, in AVX2. What the instructions do is described in the Intel 64 and IA-32
// Architectures Software Developer's Manual, volume 2; operands here are in the assembler's order, the result last.

#include "textflag.h"

// func dotsAVX2(sums *int32, rows *int8, query *int16, count, size int)
//
// Four rows at a time. A step takes 16 numbers of the query (Y8) and of each row, widened to 16 bits, multiplies them
// and adds neighbours to 8 sums of 32 bits (VPMADDWD), and adds those to the row's (Y0 to Y3). count is a multiple of 4
// and size of 16; neither is 0.
TEXT ·dotsAVX2(SB), NOSPLIT, $0-40
	MOVQ sums+0(FP), DI
	MOVQ rows+8(FP), SI
	MOVQ query+16(FP), BX
	MOVQ count+24(FP), CX
	MOVQ size+32(FP), DX

rows:
	VPXOR Y0, Y0, Y0
	VPXOR Y1, Y1, Y1
	VPXOR Y2, Y2, Y2
	VPXOR Y3, Y3, Y3
	XORQ  AX, AX

step:
	VMOVDQU   (BX)(AX*2), Y8
	VPMOVSXBW (SI)(AX*4), Y4
	VPMOVSXBW 16(SI)(AX*4), Y5
	VPMOVSXBW 32(SI)(AX*4), Y6
	VPMOVSXBW 48(SI)(AX*4), Y7
	VPMADDWD  Y8, Y4, Y4
	VPMADDWD  Y8, Y5, Y5
	VPMADDWD  Y8, Y6, Y6
	VPMADDWD  Y8, Y7, Y7
	VPADDD    Y4, Y0, Y0
	VPADDD    Y5, Y1, Y1
	VPADDD    Y6, Y2, Y2
	VPADDD    Y7, Y3, Y3
	ADDQ      $16, AX
	CMPQ      AX, DX
	JLT       step

	// VPHADDD adds neighbours within each half: after two rounds a half holds a part of each of the four sums.
	VPHADDD      Y1, Y0, Y0
	VPHADDD      Y3, Y2, Y2
	VPHADDD      Y2, Y0, Y0
	VEXTRACTI128 $1, Y0, X1
	VPADDD       X1, X0, X0
	VMOVDQU      X0, (DI)

	ADDQ $16, DI
	LEAQ (SI)(DX*4), SI
	SUBQ $4, CX
	JNZ  rows
	VZEROUPPER
	RET
