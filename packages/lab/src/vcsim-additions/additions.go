// What Debian's version of VMware's simulator lacks and later ones have, or what it has not at all: built into its
// package `simulator` by packages/lab/src/vcsim.ts. Requests and answers are the simulator's own types of the API.
package simulator

import (
	"bytes"
	"image"
	"image/png"
	"io/ioutil"
	"os"
	"path"
	"strings"
	"time"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// A guest that runs boots again, and says when.
func (vm *VirtualMachine) RebootGuest(ctx *Context, req *types.RebootGuest) soap.HasFault {
	body := new(methods.RebootGuestBody)
	if vm.Runtime.PowerState != types.VirtualMachinePowerStatePoweredOn {
		body.Fault_ = Fault("", &types.InvalidPowerState{
			RequestedState: types.VirtualMachinePowerStatePoweredOn,
			ExistingState:  vm.Runtime.PowerState,
		})
		return body
	}
	now := time.Now()
	Map.Update(vm, []types.PropertyChange{
		{Name: "runtime.bootTime", Val: &now},
		{Name: "summary.runtime.bootTime", Val: &now},
	})
	body.Res = new(types.RebootGuestResponse)
	return body
}

// A guest that moves is on the list of one host at a time.
func (vm *VirtualMachine) moveTo(host *HostSystem) {
	from := Map.Get(*vm.Runtime.Host).(*HostSystem)
	Map.RemoveReference(from, &from.Vm, vm.Self)
	Map.AppendReference(host, &host.Vm, vm.Self)
}

// HostAutoStartManager keeps which guests start with a host; nothing ever boots here.
type HostAutoStartManager struct {
	mo.HostAutoStartManager

	Host *mo.HostSystem
}

func (m *HostAutoStartManager) ReconfigureAutostart(ctx *Context, req *types.ReconfigureAutostart) soap.HasFault {
	body := new(methods.ReconfigureAutostartBody)
	config := types.HostAutoStartManagerConfig{
		Defaults:  m.Config.Defaults,
		PowerInfo: append([]types.AutoStartPowerInfo{}, m.Config.PowerInfo...),
	}
	if req.Spec.Defaults != nil {
		config.Defaults = req.Spec.Defaults
	}
	for _, info := range req.Spec.PowerInfo {
		if Map.Get(info.Key) == nil {
			body.Fault_ = Fault("", &types.InvalidArgument{InvalidProperty: "powerInfo.key"})
			return body
		}
		kept := config.PowerInfo[:0:0]
		for _, each := range config.PowerInfo {
			if each.Key != info.Key {
				kept = append(kept, each)
			}
		}
		config.PowerInfo = append(kept, info)
	}
	m.Config = config
	host := Map.Get(m.Host.Self).(*HostSystem)
	Map.Update(host, []types.PropertyChange{{Name: "config.autoStart", Val: &config}})
	body.Res = new(types.ReconfigureAutostartResponse)
	return body
}

// The data of a disk is as long as the disk was made, without taking the room.
func sizeDisk(f *os.File, name string, req *types.CreateVirtualDisk_Task) *os.File {
	if spec, ok := req.Spec.(*types.FileBackedVirtualDiskSpec); ok && strings.HasSuffix(name, "-flat.vmdk") {
		_ = f.Truncate(spec.CapacityKb * 1024)
	}
	return f
}

// A disk that was found has the capacity of its data; one without data is only a file that is named like a disk.
func addCapacity(dir string, name string, res *types.HostDatastoreBrowserSearchResults) {
	disk, ok := res.File[len(res.File)-1].(*types.VmDiskFileInfo)
	if !ok {
		return
	}
	data, err := os.Stat(path.Join(dir, strings.TrimSuffix(name, ".vmdk")+"-flat.vmdk"))
	if err == nil {
		disk.CapacityKb = data.Size() / 1024
	}
}

// A disk that gets larger.
func (m *VirtualDiskManager) ExtendVirtualDiskTask(_ *Context, req *types.ExtendVirtualDisk_Task) soap.HasFault {
	task := CreateTask(m, "extendVirtualDisk", func(*Task) (types.AnyType, types.BaseMethodFault) {
		file, fault := Map.FileManager().resolve(req.Datacenter, req.Name)
		if fault != nil {
			return nil, fault
		}
		data := strings.TrimSuffix(file, ".vmdk") + "-flat.vmdk"
		found, err := os.Stat(data)
		if err != nil {
			return nil, Map.FileManager().fault(req.Name, err, new(types.CannotAccessFile))
		}
		if req.NewCapacityKb*1024 < found.Size() {
			return nil, &types.InvalidArgument{InvalidProperty: "newCapacityKb"}
		}
		if err = os.Truncate(data, req.NewCapacityKb*1024); err != nil {
			return nil, Map.FileManager().fault(req.Name, err, new(types.CannotAccessFile))
		}
		return nil, nil
	})
	return &methods.ExtendVirtualDisk_TaskBody{
		Res: &types.ExtendVirtualDisk_TaskResponse{Returnval: task.Run()},
	}
}

// A guest that runs has a black screen, whose picture lies in its folder.
func (vm *VirtualMachine) CreateScreenshotTask(_ *Context, req *types.CreateScreenshot_Task) soap.HasFault {
	task := CreateTask(vm, "createScreenshot", func(*Task) (types.AnyType, types.BaseMethodFault) {
		if vm.Runtime.PowerState != types.VirtualMachinePowerStatePoweredOn {
			return nil, &types.InvalidPowerState{
				RequestedState: types.VirtualMachinePowerStatePoweredOn,
				ExistingState:  vm.Runtime.PowerState,
			}
		}
		var picture bytes.Buffer
		_ = png.Encode(&picture, image.NewGray(image.Rect(0, 0, 64, 48)))
		vmx := vm.vmx(nil)
		vmx.Path = strings.TrimSuffix(vmx.Path, ".vmx") + "-1.png"
		ds := vm.findDatastore(vmx.Datastore)
		file := path.Join(ds.Info.GetDatastoreInfo().Url, vmx.Path)
		if err := ioutil.WriteFile(file, picture.Bytes(), 0600); err != nil {
			return nil, Map.FileManager().fault(vmx.String(), err, new(types.CannotCreateFile))
		}
		return vmx.String(), nil
	})
	return &methods.CreateScreenshot_TaskBody{
		Res: &types.CreateScreenshot_TaskResponse{Returnval: task.Run()},
	}
}
