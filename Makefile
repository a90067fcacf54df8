# SPDX-License-Identifier: GPL-2.0-only
#
# The verbs of kselftest for the conformance suite: "make help" lists them.
# kselftest.h and kvm_util come from KSRC; nothing is ever written there.

TOP := $(patsubst %/,%,$(dir $(realpath $(lastword $(MAKEFILE_LIST)))))
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

# Within the kernel's own selftests (docs/gate.md, "The kernel tree's own way") TARGETS are
# its folders, not our families, and OUTPUT may be this very one
selftests := $(and $(KHDR_INCLUDES),$(BUILD),$(filter $(BUILD)/%,$(OUTPUT)),$(BUILD))
holds_us := $(if $(realpath $(OUTPUT)),$(filter $(patsubst %/,%,$(realpath $(OUTPUT)))/%,$(TOP)/))
ifneq ($(selftests),)
override undefine TARGETS
ifneq ($(holds_us),)
override undefine OUTPUT
endif
else ifneq ($(holds_us),)
$(error OUTPUT=$(OUTPUT) is the folder of this project or one above it: choose one for what is built)
endif

# A family of tests is a folder with a file "family", which says what it needs
families := $(sort $(patsubst $(TOP)/%/family,%,$(wildcard $(TOP)/*/family)))
TARGETS ?= $(families)
TESTS ?= *
WERROR ?= 1
V ?= 0
comma := ,
Q := $(if $(filter 1,$(V)),,@)
quiet := $(filter 1,$(V))$(findstring s,$(firstword -$(MAKEFLAGS)))
say = @$(if $(quiet),:,printf '  %-7s %s\n' $(1) $(patsubst $(OUTPUT)/%,%,$@))

# ---------------------------------------------------------------- compiler
CROSS_COMPILE ?=
ifneq ($(filter default undefined,$(origin CC)),)
CC := $(if $(LLVM),$(if $(filter %/,$(LLVM)),$(LLVM))clang$(if $(filter -%,$(LLVM)),$(LLVM)),gcc)
endif
ifneq ($(findstring clang,$(notdir $(firstword $(CC)))),)
compiler_name := clang
target_flag := $(if $(CROSS_COMPILE),--target=$(patsubst %-,%,$(notdir $(CROSS_COMPILE))))
compiler := $(CC) $(target_flag)
else
compiler_name := gcc
compiler := $(if $(filter gcc cc,$(CC)),$(CROSS_COMPILE)$(CC),$(CC))
endif
archiver := $(CROSS_COMPILE)ar

needs_compiler := $(filter-out help clean distclean check bench mutation reliability list install_package,$(or $(MAKECMDGOALS),all))
ifneq ($(needs_compiler),)
machine := $(firstword $(subst -, ,$(shell $(compiler) -dumpmachine 2>/dev/null)))
ifeq ($(machine),)
$(error The compiler "$(compiler)" does not run: install it (for s390x: apt-get install \
	gcc-s390x-linux-gnu) or set CC and CROSS_COMPILE)
endif
endif
machine ?= $(shell uname -m)
override ARCH := $(or $(patsubst s390x,s390,$(filter s390x,$(machine))),$(patsubst x86_64,x86,$(filter \
	x86_64,$(machine))),$(patsubst aarch64,arm64,$(filter aarch64,$(machine))),$(machine))
OUTPUT ?= $(TOP)/build/out/$(machine)-$(compiler_name)
override OUTPUT := $(abspath $(OUTPUT))

# ------------------------------------------------------------- kernel tree
# The tree that this project was put or linked into comes first; with O= the shell that calls make
# for each of the kernel's TARGETS is in it
is_tree = $(if $(wildcard $(1)/tools/testing/selftests/kvm/include/kvm_util*.h),$(1))
around := $(foreach d,$(TOP)/../../../.. $(if $(selftests),$(selftests)/../../.. $(PWD)/../../.. $(O)/source),$(call is_tree,$(realpath $(d))))
KSRC ?= $(firstword $(around) $(wildcard $(TOP)/build/linux-source /usr/src/linux-source-*/))
kvm_selftests = $(KSRC)/tools/testing/selftests/kvm
ifneq ($(needs_compiler),)
ifeq ($(KSRC),)
$(error No kernel source: run ./run.sh once, which fetches one, or give KSRC=, a kernel tree)
endif
ifeq ($(wildcard $(kvm_selftests)/include/kvm_util*.h),)
$(error KSRC=$(KSRC) is no readable kernel tree: it has no tools/testing/selftests/kvm/include/kvm_util.h)
endif
override KSRC := $(realpath $(KSRC))
kvm_arch := $(notdir $(firstword $(wildcard $(kvm_selftests)/lib/$(machine) $(kvm_selftests)/lib/$(ARCH))))
ifeq ($(kvm_arch),)
$(error kvm_util of $(KSRC) does not know $(machine): choose a compiler for s390x, x86_64 or aarch64)
endif
endif

# ------------------------------------------------------------------- flags
STATIC ?= $(if $(filter $(machine),$(shell uname -m)),0,1)
march := $(if $(filter s390x,$(machine)),-march=z10)$(if $(filter x86_64,$(machine)),-march=x86-64-v2)
link_option = $(shell echo 'int main(void){return 0;}' | $(compiler) $(1) -x c - -o /dev/null \
	2>/dev/null && echo $(1))

headers := $(OUTPUT)/kernel-headers
# What guest code is linked with must call nothing of the C library behind its back
common_flags := -O2 -g $(march) -D_GNU_SOURCE -DCONFIG_64BIT -U_FORTIFY_SOURCE -MD -MP \
	-fno-builtin-memcmp -fno-builtin-memcpy -fno-builtin-memset -fno-builtin-strnlen \
	-fno-stack-protector -fno-PIE -fno-strict-aliasing
kvm_includes := $(KSRC)/tools/include $(KSRC)/tools/arch/$(ARCH)/include $(headers)/usr/include \
	$(kvm_selftests)/include $(kvm_selftests)/include/$(kvm_arch) \
	$(KSRC)/tools/testing/selftests/rseq $(KSRC)/tools/testing/selftests \
	$(if $(filter arm64,$(ARCH)),$(OUTPUT)/tools/arch/arm64/include/generated)
# Its own warnings are the kernel's affair
kvm_flags = $(common_flags) -std=gnu99 -w $(addprefix -I,$(kvm_includes)) -I$(<D)
own_flags := $(common_flags) -std=gnu11 -Wall -Wextra $(if $(filter 1,$(WERROR)),-Werror) \
	-Wmissing-prototypes -Wstrict-prototypes -Wshadow -I$(TOP)/include \
	$(addprefix -isystem ,$(kvm_includes)) $(EXTRA_CFLAGS)
# A static C library has parts that want its own memset() and come with a second
# definition: the first one, string_override's, holds
ifneq ($(needs_compiler),)
link_flags := -pthread $(if $(filter 1,$(STATIC)),-static -Wl$(comma)-z$(comma)muldefs,-no-pie) \
	$(if $(filter s390x,$(machine)),$(call link_option,-Wl$(comma)--s390-pgste))
endif

# ------------------------------------------------------------------- files
$(foreach f,$(filter-out $(families),$(TARGETS)),$(error TARGETS: there is no family "$(f)": $(families)))
for_this_machine = $(filter any $(machine),$(shell sed -n 's/^architectures=//p' $(TOP)/$(1)/family))
dirs := $(foreach f,$(TARGETS),$(if $(call for_this_machine,$(f)),$(f)))
tests := $(strip $(foreach d,$(dirs),$(patsubst $(TOP)/%.c,%,$(sort $(wildcard $(TOP)/$(d)/$(TESTS).c)))))
all_tests := $(strip $(foreach d,$(TARGETS),$(patsubst $(TOP)/%.c,%,$(sort $(wildcard $(TOP)/$(d)/$(TESTS).c)))))
programs := $(addprefix $(OUTPUT)/,$(tests))
rooms := $(filter-out $(filter-out $(machine),s390x x86_64 aarch64),$(notdir $(wildcard $(TOP)/lib/*)))
lib_sources := $(wildcard $(TOP)/lib/*.c $(addsuffix /*.c,$(addprefix $(TOP)/lib/,$(rooms))))
lib_objects := $(patsubst $(TOP)/%.c,$(OUTPUT)/%.o,$(lib_sources))
kvm_sources := $(if $(kvm_arch),$(filter-out %/lru_gen_util.c,$(wildcard $(kvm_selftests)/lib/*.c \
	$(kvm_selftests)/lib/$(kvm_arch)/*.[cS])))
kvm_objects := $(patsubst $(kvm_selftests)/%,$(OUTPUT)/kvm_util/%.o,$(kvm_sources))

.PHONY: all bench_programs upstream run_tests install install_suite install_package emit_tests gen_tar list check \
	bench mutation reliability clean distclean help FORCE
all: $(programs)

# A change of tools, flags or kernel tree makes everything anew
$(OUTPUT)/config: FORCE
	$(Q)mkdir -p $(@D)
	$(Q)printf '%s\n' '$(KSRC)' '$(compiler) $(shell $(compiler) -dumpfullversion -dumpversion 2>&1)' \
		'$(own_flags)' '$(link_flags)' >$@.new
	$(Q)if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

# A source that comes or goes makes the archive anew, and nothing else
$(OUTPUT)/lib-list: FORCE
	$(Q)mkdir -p $(@D)
	$(Q)printf '%s\n' $(lib_sources) >$@.new
	$(Q)if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

# Headers without writing to KSRC. A tree that was built in place is taken for
# dirty by its own Makefile: then through links to all but what the build left.
$(headers)/complete: $(OUTPUT)/config $(wildcard $(KSRC)/include/uapi/linux/kvm.h \
		$(KSRC)/arch/$(ARCH)/include/uapi/asm/*.h)
	$(call say,HEADERS)
	$(Q)rm -rf $(headers) $(OUTPUT)/ksrc && mkdir -p $(headers)
	$(Q)src=$(KSRC); if [ -e $$src/.config ] || [ -d $$src/include/config ] || \
			[ -d $$src/arch/$(ARCH)/include/generated ]; then \
		src=$(OUTPUT)/ksrc; mkdir $$src; cp -rs $(KSRC)/Makefile $(KSRC)/Kbuild $(KSRC)/Kconfig \
			$(KSRC)/scripts $(KSRC)/include $(KSRC)/arch $(KSRC)/usr $(KSRC)/tools $$src/; \
		rm -rf $$src/include/config $$src/include/generated $$src/usr/include/*/ \
			$$src/arch/$(ARCH)/include/generated; fi; \
	env -u MAKEFLAGS -u MAKELEVEL $(MAKE) -s -j $$(nproc) -C $$src O=$(headers) ARCH=$(ARCH) HOSTCC=gcc headers \
		>$(headers)/log 2>&1 || { tail -n 20 $(headers)/log; exit 1; }
	$(Q)rm -rf $(OUTPUT)/ksrc
	$(Q)touch $@

# Trees from 6.7 on generate register definitions for arm64
ifneq ($(and $(filter arm64,$(ARCH)),$(wildcard $(KSRC)/tools/arch/arm64/tools/Makefile)),)
$(OUTPUT)/tools/complete: $(headers)/complete
	$(Q)mkdir -p $(OUTPUT)/tools
	$(Q)$(MAKE) -s -C $(KSRC)/tools/arch/arm64/tools OUTPUT=$(OUTPUT)/tools/
	$(Q)touch $@
generated := $(OUTPUT)/tools/complete
endif

# For s390x lib/s390x/string.c has all but strnlen(), and faster
override_flags := -ffreestanding $(if $(filter s390x,$(machine)),$(foreach f,memcpy memset memcmp,-D$(f)=slow_$(f)))
overrides := $(OUTPUT)/kvm_util/lib/string_override.c.o $(if $(filter s390x,$(machine)),$(OUTPUT)/lib/s390x/string.o)
$(OUTPUT)/kvm_util/%.o: $(kvm_selftests)/% $(headers)/complete $(generated)
	$(call say,CC)
	$(Q)mkdir -p $(@D)
	$(Q)$(compiler) $(kvm_flags) $(if $(findstring string_override,$<),$(override_flags)) -c $< -o $@

$(OUTPUT)/libkvm_util.a: $(kvm_objects)
	$(call say,AR)
	$(Q)rm -f $@ && $(archiver) rcs $@ $^

$(OUTPUT)/lib/%.o: $(TOP)/lib/%.c $(headers)/complete $(generated)
	$(call say,CC)
	$(Q)mkdir -p $(@D)
	$(Q)$(compiler) $(own_flags) -c $< -o $@

$(OUTPUT)/libs390_memory.a: $(lib_objects) $(OUTPUT)/lib-list
	$(call say,AR)
	$(Q)rm -f $@ && $(archiver) rcs $@ $(lib_objects)

evidence := $(patsubst $(TOP)/%.c,$(OUTPUT)/%,$(wildcard $(TOP)/tests/evidence/*.c))

# The overrides are linked by name: an archive would lose to the C library
$(programs) $(evidence): $(OUTPUT)/%: $(TOP)/%.c $(OUTPUT)/libs390_memory.a $(OUTPUT)/libkvm_util.a
	$(call say,LINK)
	$(Q)mkdir -p $(@D)
	$(Q)$(compiler) $(own_flags) $(link_flags) -MF $@.d -MT $@ $< \
		$(overrides) $(OUTPUT)/libs390_memory.a $(OUTPUT)/libkvm_util.a -ldl -o $@

bench_programs: $(evidence)

# The kernel's own selftests, unchanged: evidence about a target by others
upstream_names := memop tprot resets sync_regs_test dirty_log_test dirty_log_perf_test \
	demand_paging_test kvm_page_table_test guest_print_test set_memory_region_test debug_test \
	shared_zeropage_test
upstream_sources := $(foreach n,$(upstream_names),$(wildcard $(kvm_selftests)/$(n).c \
	$(kvm_selftests)/$(kvm_arch)/$(n).c))
upstream: $(patsubst %.c,$(OUTPUT)/upstream/%,$(notdir $(upstream_sources)))

vpath %.c $(kvm_selftests) $(kvm_selftests)/$(kvm_arch)
$(OUTPUT)/upstream/%: %.c $(overrides) $(OUTPUT)/libkvm_util.a
	$(call say,LINK)
	$(Q)mkdir -p $(@D)
	$(Q)$(compiler) $(kvm_flags) $(link_flags) -MF $@.d -MT $@ $< \
		$(overrides) $(OUTPUT)/libkvm_util.a -ldl -o $@

-include $(wildcard $(OUTPUT)/*/*.d $(OUTPUT)/*/*/*.d $(OUTPUT)/*/*/*/*.d)

list:
	@printf '%s\n' $(all_tests)

run_tests: all
	$(Q)$(MAKE) -s install INSTALL_PATH=$(OUTPUT)/installed
	$(Q)$(OUTPUT)/installed/run_tests $(if $(selftests),|| [ $$? -eq 4 ])

# What run_tests judges with, with python3 and without
judges := one_test.sh judge.awk verdict.py judge.py ktap.py results.py contract.py

# A folder for INSTALL_PATH, as kselftest has it; else the tree of a package
install: $(if $(INSTALL_PATH),install_suite,install_package)

version = $(or $(VERSION),$(shell [ ! -e $(TOP)/.git ] || git -C $(TOP) describe --always --dirty 2>/dev/null),$(shell \
	cat $(TOP)/version 2>/dev/null || echo unknown))

# Each file is put in place by a rename: a run that copies it meanwhile gets a whole one
install_suite: all
	$(if $(tests),,$(error No test matches TESTS=$(TESTS) in TARGETS=$(TARGETS) for $(machine)))
	$(Q)mkdir -p $(addprefix $(INSTALL_PATH)/,$(dirs))
	$(Q)put() { cmp -s "$$1" "$$2" || { cp "$$1" "$$2.new" && mv "$$2.new" "$$2"; }; }; set -e; \
	for t in $(tests); do program=$(OUTPUT)/$$t; \
		$(if $(filter 1,$(STRIP)),program=$(OUTPUT)/stripped; $(CROSS_COMPILE)strip -o $$program $(OUTPUT)/$$t;) \
		put $$program $(INSTALL_PATH)/$$t; done; \
	for d in $(families); do mkdir -p $(OUTPUT)/$$d $(INSTALL_PATH)/$$d; \
		for f in family contract.md; do put $(TOP)/$$d/$$f $(INSTALL_PATH)/$$d/$$f; done; done; \
	mkdir -p $(INSTALL_PATH)/expected; \
	for f in $(wildcard $(TOP)/expected/*); do put $$f $(INSTALL_PATH)/expected/$${f##*/}; done; \
	for d in $(dirs); do \
		$(TOP)/runner/settings.sh $(TOP)/$$d/family >$(OUTPUT)/$$d/settings; \
		put $(OUTPUT)/$$d/settings $(INSTALL_PATH)/$$d/settings; done; \
	sort -t = -k 2n $(patsubst %,$(OUTPUT)/%/settings,$(dirs)) | tail -n 1 >$(OUTPUT)/settings; \
	put $(OUTPUT)/settings $(INSTALL_PATH)/settings; \
	printf '%s\n' $(tests) >$(OUTPUT)/list; put $(OUTPUT)/list $(INSTALL_PATH)/list; \
	{ echo "suite $(version)"; \
		echo "machine $(machine)"; echo "headers $(notdir $(KSRC))"; } >$(OUTPUT)/version; \
	put $(OUTPUT)/version $(INSTALL_PATH)/version; put $(TOP)/COPYING $(INSTALL_PATH)/COPYING; \
	mkdir -p $(INSTALL_PATH)/runner; \
	for f in $(judges); do put $(TOP)/runner/$$f $(INSTALL_PATH)/runner/$$f; done; \
	put $(TOP)/runner/run_tests $(INSTALL_PATH)/run_tests

# The folder of a suite, the sources of others with run.sh, and the rest of a package
prefix ?= /usr/local
package := kvm-s390-memory
bindir ?= $(prefix)/bin
libexecdir ?= $(prefix)/libexec
datadir ?= $(prefix)/share
mandir ?= $(datadir)/man
docdir ?= $(datadir)/doc/$(package)
bashcompdir ?= $(datadir)/bash-completion/completions
zshcompdir ?= $(datadir)/zsh/site-functions
share := $(DESTDIR)$(datadir)/$(package)
sources := Makefile COPYING README.md run.sh runner targets lib include expected tests/walks $(families)
relative = $$(realpath -ms --relative-to=$(1) $(2))
given = $(filter-out undefined file,$(origin $(1)))

install_package:
	$(if $(strip $(foreach v,DESTDIR prefix,$(call given,$(v)))),,$(error install needs INSTALL_PATH=, \
		the folder for a suite, or DESTDIR= or prefix= for the tree of a package))
	$(Q)$(MAKE) -s install_suite INSTALL_PATH=$(DESTDIR)$(libexecdir)/$(package)
	$(Q)install -d $(addprefix $(DESTDIR),$(bindir) $(mandir)/man1 $(docdir)/examples $(bashcompdir) $(zshcompdir)) $(share)
	$(Q)cd $(TOP) && tar -c --exclude=__pycache__ $(sources) | tar -x --no-same-owner -C $(share)
	$(Q)echo '$(version)' >$(share)/version
	$(Q)echo $(call relative,$(datadir)/$(package),$(libexecdir)/$(package)) >$(share)/installed
	$(Q)ln -sfn $(call relative,$(bindir),$(datadir)/$(package)/run.sh) $(DESTDIR)$(bindir)/$(package)
	$(Q)install -m 644 $(TOP)/docs/$(package).1 $(DESTDIR)$(mandir)/man1/
	$(Q)install -m 644 $(TOP)/completions/$(package).bash $(DESTDIR)$(bashcompdir)/$(package)
	$(Q)install -m 644 $(TOP)/completions/_$(package) $(DESTDIR)$(zshcompdir)/
	$(Q)install -m 644 $(TOP)/README.md $(TOP)/CHANGELOG.md $(wildcard $(TOP)/docs/*.md) $(DESTDIR)$(docdir)/
	$(Q)cp -R $(TOP)/examples/. $(DESTDIR)$(docdir)/examples/

# For the kernel's run_kselftest.sh
emit_tests:
	@printf '$(COLLECTION):%s\n' $(tests)

gen_tar:
	$(Q)$(MAKE) -s install INSTALL_PATH=$(OUTPUT)/package/s390-memory-tests
	$(Q)tar -czf $(OUTPUT)/s390-memory-tests-$(machine).tar.gz -C $(OUTPUT)/package s390-memory-tests
	@echo $(OUTPUT)/s390-memory-tests-$(machine).tar.gz

check:
	$(Q)$(TOP)/tests/check.sh

bench:
	$(Q)$(TOP)/tests/evidence/bench.sh $(BENCH)

mutation:
	$(Q)$(TOP)/tests/mutation/mutation.sh $(MUTATION)

reliability:
	$(Q)$(TOP)/tests/reliability/reliability.py $(RELIABILITY)

# What took long to fetch and build stays, and is told
clean:
	$(Q)rm -rf $(OUTPUT)
	$(Q)[ ! -d $(TOP)/build ] || [ -z "$$(ls -A $(TOP)/build)" ] || \
		echo "left: $$(du -sh $(TOP)/build | cut -f 1) of kernels, sources and machines in build/:" \
			"make distclean removes them too"

distclean: clean
	$(Q)rm -rf $(TOP)/build
	$(Q)[ ! -d $(TOP)/results ] || echo "left: results/, the results of your runs"

help:
	@printf '%s\n' \
	'make [TARGET...] [VARIABLE=VALUE...]' '' \
	'all           build every test for the machine that the compiler makes code for (default)' \
	'run_tests     run them here, on this machine'\''s /dev/kvm, with KTAP on stdout' \
	'install       copy tests, what describes them and the script run_tests to INSTALL_PATH;' \
	'              without INSTALL_PATH: the tree of a package to DESTDIR and prefix' \
	'gen_tar       pack such a folder' \
	'list          names of the tests' \
	'upstream      build the kernel'\''s own KVM selftests, unchanged, to OUTPUT/upstream' \
	'check         the suite'\''s own tests: they need no KVM and no emulator' \
	'bench         print times and rates in the emulated machine; BENCH="start all cold rate":' \
	'              some of these parts' \
	'mutation      put single faults into kvm.ko and see which of them the tests catch;' \
	'              MUTATION="--set memop|slot --sample N --seed N"' \
	'reliability   do things to runs (kill, fill, cut, damage), and see what they say of it;' \
	'              RELIABILITY="--count N --seed N NAME..."' \
	'clean         remove OUTPUT' \
	'distclean     remove build/ too: downloads, kernels, suspended machines' '' \
	'KSRC=         kernel tree with kselftest.h and kvm_util; it is only read' \
	'CROSS_COMPILE= prefix of a cross compiler, e.g. s390x-linux-gnu-' \
	'CC=           gcc (default) or clang' \
	'OUTPUT=       folder for all that is built (default: build/out/MACHINE-COMPILER)' \
	'INSTALL_PATH= folder for install' \
	'DESTDIR= prefix=   for a package (prefix: /usr/local; also bindir, libexecdir, datadir ...)' \
	'VERSION=      what the suite calls itself where there is no git' \
	'TARGETS=      families of tests (default: all that this machine can have): $(families)' \
	'TESTS=        a glob for the names within them, e.g. '\''absolute*'\''' \
	'STATIC=1      static binaries (default when cross compiling)' \
	'STRIP=1       install programs without symbols: half as big' \
	'WERROR=0      keep going over warnings' \
	'V=1           show the commands' '' \
	'Example: make KSRC=$$HOME/linux CROSS_COMPILE=s390x-linux-gnu- install INSTALL_PATH=/tmp/suite'
